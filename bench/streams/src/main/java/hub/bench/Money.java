package hub.bench;

/** An amount in millionths of its currency's main unit. */
record Money(String currency, long micros) {
    private static final int DECIMALS = 6;

    void write(AvroWriter out) {
        out.text(currency);
        out.number(micros);
    }

    /** An amount that may be null, as schemas have it. */
    static void writeOptional(Money money, AvroWriter out) {
        if (money == null) {
            out.put(0);
        } else {
            out.put(2);
            money.write(out);
        }
    }

    static Money readOptional(AvroReader in) {
        return in.number() == 0 ? null : new Money(in.text(), in.number());
    }

    /** A decimal in millionths, exact to the last of them and rounded half away from zero beyond. */
    static long micros(String number) {
        if (number.indexOf('e') >= 0 || number.indexOf('E') >= 0) {
            double scaled = Double.parseDouble(number) * 1e6;
            if (Math.abs(scaled) >= 0x1p63) {
                throw new Refused("bad_number");
            }
            return (long) Math.copySign(Math.floor(Math.abs(scaled) + 0.5), scaled);
        }
        boolean negative = number.startsWith("-");
        long micros = 0;
        int decimals = -1;
        boolean roundUp = false;
        try {
            for (int at = negative ? 1 : 0; at < number.length(); at++) {
                char letter = number.charAt(at);
                if (letter == '.' && decimals < 0) {
                    decimals = 0;
                } else if (letter < '0' || letter > '9') {
                    throw new Refused("bad_number");
                } else if (decimals < DECIMALS) {
                    micros = Math.addExact(Math.multiplyExact(micros, 10), letter - '0');
                    decimals += decimals < 0 ? 0 : 1;
                } else if (decimals++ == DECIMALS) {
                    roundUp = letter >= '5';
                }
            }
            for (int place = Math.max(decimals, 0); place < DECIMALS; place++) {
                micros = Math.multiplyExact(micros, 10);
            }
            micros = Math.addExact(micros, roundUp ? 1 : 0);
        } catch (ArithmeticException fault) {
            throw new Refused("bad_number");
        }
        return negative ? -micros : micros;
    }
}
