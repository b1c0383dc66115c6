package hub.bench;

/** JSON as routes send it, written into bytes that are kept from payload to payload. */
final class Json extends Buffer {
    private static final long ONE = 1_000_000;
    private static final byte[] HEX = utf8("0123456789abcdef");

    /** A name with all that stands before its value, made once. */
    static byte[] name(String name) {
        return utf8('"' + name + "\":");
    }

    /** A field that is left out where it is absent; there is a comma before each but the first. */
    void field(byte[] name, String text) {
        if (text != null) {
            start(name);
            string(text);
        }
    }

    void time(byte[] name, long millis) {
        if (millis != AvroWriter.ABSENT) {
            start(name);
            Instants.write(millis, this);
        }
    }

    void start(byte[] name) {
        if (at(length() - 1) != '{') {
            put(',');
        }
        put(name);
    }

    void string(String text) {
        byte[] bytes = utf8(text);
        put('"');
        int plain = 0;
        for (int at = 0; at < bytes.length; at++) {
            byte letter = bytes[at];
            if (letter == '"' || letter == '\\' || letter >= 0 && letter < 0x20) {
                put(bytes, plain, at);
                plain = at + 1;
                escape(letter);
            }
        }
        put(bytes, plain, bytes.length);
        put('"');
    }

    private void escape(byte letter) {
        put('\\');
        switch (letter) {
            case '"', '\\' -> put(letter);
            case '\n' -> put('n');
            case '\r' -> put('r');
            case '\t' -> put('t');
            default -> {
                put('u');
                put('0');
                put('0');
                put(HEX[letter >>> 4]);
                put(HEX[letter & 0xF]);
            }
        }
    }

    void whole(long number) {
        put(utf8(Long.toString(number)));
    }

    /** Millionths as a decimal number without needless zeros. */
    void decimal(long micros) {
        if (micros < 0) {
            put('-');
        }
        // The absolute value of the least number is right when it is taken as unsigned.
        long size = Math.abs(micros);
        put(utf8(Long.toUnsignedString(Long.divideUnsigned(size, ONE))));
        long fraction = Long.remainderUnsigned(size, ONE);
        if (fraction != 0) {
            put('.');
            for (long place = ONE / 10; fraction != 0; place /= 10) {
                put((int) ('0' + fraction / place));
                fraction %= place;
            }
        }
    }
}
