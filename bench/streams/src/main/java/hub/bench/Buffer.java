package hub.bench;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Bytes that grow as they are written, kept from record to record. */
class Buffer {
    private static final int GROUPS_MAX = 10;

    private byte[] bytes = new byte[4096];
    private int length;

    final void clear() {
        length = 0;
    }

    final int length() {
        return length;
    }

    final void put(int value) {
        if (length == bytes.length) {
            grow(1);
        }
        bytes[length++] = (byte) value;
    }

    /** A number in groups of seven bits, the lowest first, each with a mark whether more follow. */
    final void groups(long rest) {
        if (bytes.length - length < GROUPS_MAX) {
            grow(GROUPS_MAX);
        }
        int at = length;
        while ((rest & ~0x7FL) != 0) {
            bytes[at++] = (byte) (rest | 0x80);
            rest >>>= 7;
        }
        bytes[at++] = (byte) rest;
        length = at;
    }

    final void put(byte[] from, int start, int end) {
        int count = end - start;
        if (bytes.length - length < count) {
            grow(count);
        }
        System.arraycopy(from, start, bytes, length, count);
        length += count;
    }

    final void put(byte[] from) {
        put(from, 0, from.length);
    }

    final void put(Buffer other) {
        put(other.bytes, 0, other.length);
    }

    final byte at(int place) {
        return bytes[place];
    }

    final byte[] copy() {
        return Arrays.copyOf(bytes, length);
    }

    final String toText() {
        return new String(bytes, 0, length, StandardCharsets.UTF_8);
    }

    private void grow(int more) {
        bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + more));
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
