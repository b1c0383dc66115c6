package hub.bench;

import java.util.List;

/** Avro's binary form, written field by field in the order of the schema: no record of generic values in between. */
final class AvroWriter extends Buffer {
    /** A time, number or amount that is not there. */
    static final long ABSENT = Long.MIN_VALUE;

    /** Begins a record: the magic byte and the schema's id. */
    void begin(int schema) {
        clear();
        put(0);
        put(schema >>> 24);
        put(schema >>> 16);
        put(schema >>> 8);
        put(schema);
    }

    void number(long value) {
        groups(value << 1 ^ value >> 63);
    }

    /** Eight bytes as they are, for hashes, which have no short form. */
    void word(long value) {
        for (int shift = 0; shift < Long.SIZE; shift += Byte.SIZE) {
            put((int) (value >>> shift));
        }
    }

    void truth(boolean value) {
        put(value ? 1 : 0);
    }

    void text(String text) {
        bytes(utf8(text));
    }

    void bytes(byte[] bytes) {
        bytes(bytes, 0, bytes.length);
    }

    void bytes(byte[] bytes, int start, int end) {
        number(end - start);
        put(bytes, start, end);
    }

    void text(Buffer text) {
        number(text.length());
        put(text);
    }

    /** A field that may be null, which is the first branch of every such field. */
    void optional(String text) {
        if (text == null) {
            put(0);
        } else {
            put(2);
            text(text);
        }
    }

    void optional(long value) {
        if (value == ABSENT) {
            put(0);
        } else {
            put(2);
            number(value);
        }
    }

    /** A place in an enumeration that may be null: negative then. */
    void optionalPlace(int place) {
        if (place < 0) {
            put(0);
        } else {
            put(2);
            number(place);
        }
    }

    void texts(List<String> texts) {
        if (!texts.isEmpty()) {
            number(texts.size());
            for (int index = 0; index < texts.size(); index++) {
                text(texts.get(index));
            }
        }
        put(0);
    }
}
