package hub.bench;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Reads Avro's binary form field by field; what nobody asks for is passed over without becoming an object. */
final class AvroReader {
    private static final int HEADER = 5;

    private byte[] bytes;
    private int at;

    /** The record of a frame that must have been written with this schema. */
    AvroReader open(byte[] frame, int schema) {
        open(frame);
        int id = frame.length < HEADER || frame[0] != 0 ? -1
            : (frame[1] & 0xFF) << 24 | (frame[2] & 0xFF) << 16 | (frame[3] & 0xFF) << 8 | frame[4] & 0xFF;
        if (id != schema) {
            throw new IllegalArgumentException("schema " + id + " where " + schema + " was expected");
        }
        at = HEADER;
        return this;
    }

    /** Bytes without a frame. */
    AvroReader open(byte[] bytes) {
        this.bytes = bytes;
        at = 0;
        return this;
    }

    long number() {
        byte next = bytes[at++];
        long value = next & 0x7F;
        for (int shift = 7; next < 0; shift += 7) {
            next = bytes[at++];
            value |= (next & 0x7FL) << shift;
        }
        return value >>> 1 ^ -(value & 1);
    }

    long word() {
        long value = 0;
        for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
            value |= (bytes[at++] & 0xFFL) << shift;
        }
        return value;
    }

    /** One byte as it is. */
    int mark() {
        return bytes[at++];
    }

    int place() {
        return (int) number();
    }

    String text() {
        int length = (int) number();
        String text = new String(bytes, at, length, StandardCharsets.UTF_8);
        at += length;
        return text;
    }

    byte[] bytes() {
        int length = (int) number();
        byte[] copy = Arrays.copyOfRange(bytes, at, at + length);
        at += length;
        return copy;
    }

    private boolean isThere() {
        return number() != 0;
    }

    String optionalText() {
        return isThere() ? text() : null;
    }

    long optionalNumber() {
        return isThere() ? number() : AvroWriter.ABSENT;
    }

    int optionalPlace() {
        return isThere() ? place() : -1;
    }

    List<String> texts() {
        long count = block();
        if (count == 0) {
            return List.of();
        }
        List<String> texts = new ArrayList<>((int) count);
        for (; count != 0; count = block()) {
            for (long index = 0; index < count; index++) {
                texts.add(text());
            }
        }
        return texts;
    }

    /** How many elements of an array or map come next; 0 at its end. */
    long block() {
        long count = number();
        if (count < 0) {
            number();
            return -count;
        }
        return count;
    }

    void skipText() {
        int length = (int) number();
        at += length;
    }

    void skipOptionalText() {
        if (isThere()) {
            skipText();
        }
    }

    void skipTexts() {
        for (long count = block(); count != 0; count = block()) {
            for (long index = 0; index < count; index++) {
                skipText();
            }
        }
    }

    /** Whether a map that is passed over has anything in it. */
    boolean skipMap() {
        boolean any = false;
        for (long count = block(); count != 0; count = block()) {
            any = true;
            for (long index = 0; index < count * 2; index++) {
                skipText();
            }
        }
        return any;
    }

    /** The value of one name of a map; null where it is not in it. */
    String pick(byte[] name) {
        String found = null;
        for (long count = block(); count != 0; count = block()) {
            for (long index = 0; index < count; index++) {
                int length = (int) number();
                boolean wanted = Arrays.equals(bytes, at, at + length, name, 0, name.length);
                at += length;
                if (wanted) {
                    found = text();
                } else {
                    skipText();
                }
            }
        }
        return found;
    }
}
