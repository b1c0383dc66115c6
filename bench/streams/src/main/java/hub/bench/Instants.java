package hub.bench;

import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;

/** Instants as RFC 3339 text and as milliseconds. */
final class Instants {
    private static final long DAY = 86_400_000;
    private static final int SECONDS_END = 19;

    private Instants() {
    }

    /** Reads an instant: the usual form digit by digit, any other by the library, which also checks dates and offsets. */
    static long parse(String text) {
        int length = text.length();
        if (length >= 20 && length <= 24 && text.charAt(length - 1) == 'Z' && text.charAt(10) == 'T') {
            int year = digits(text, 0, 4);
            int month = digits(text, 5, 7);
            int day = digits(text, 8, 10);
            int hour = digits(text, 11, 13);
            int minute = digits(text, 14, 16);
            int second = digits(text, 17, SECONDS_END);
            int millis = fraction(text, length - 1);
            boolean usual = (year | month | day | hour | minute | second | millis) >= 0 && month >= 1 && month <= 12
                && day >= 1 && day <= 28 && hour < 24 && minute < 60 && second < 60
                && text.charAt(4) == '-' && text.charAt(7) == '-' && text.charAt(13) == ':' && text.charAt(16) == ':';
            if (usual) {
                return days(year, month, day) * DAY + ((hour * 60L + minute) * 60 + second) * 1000 + millis;
            }
        }
        try {
            return OffsetDateTime.parse(text, DateTimeFormatter.ISO_OFFSET_DATE_TIME).toInstant().toEpochMilli();
        } catch (DateTimeParseException fault) {
            throw new Refused("bad_timestamp");
        }
    }

    private static int digits(String text, int start, int end) {
        int value = 0;
        for (int at = start; at < end; at++) {
            int digit = text.charAt(at) - '0';
            if (digit < 0 || digit > 9) {
                return -1;
            }
            value = value * 10 + digit;
        }
        return value;
    }

    /** The milliseconds between the seconds and the end; -1 where there are no one to three digits. */
    private static int fraction(String text, int end) {
        if (end == SECONDS_END) {
            return 0;
        }
        if (text.charAt(SECONDS_END) != '.' || end == SECONDS_END + 1) {
            return -1;
        }
        int millis = digits(text, SECONDS_END + 1, end);
        for (int at = end; at < SECONDS_END + 4 && millis >= 0; at++) {
            millis *= 10;
        }
        return millis;
    }

    /** Days since 1970, counted in years that begin in March, so that the leap day is the last. */
    private static long days(int year, int month, int day) {
        int march = month > 2 ? month - 3 : month + 9;
        long y = month > 2 ? year : year - 1L;
        long era = Math.floorDiv(y, 400);
        long ofEra = y - era * 400;
        long ofYear = (153L * march + 2) / 5 + day - 1;
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468;
    }

    /** Writes an instant in quotes, its fraction without zeros at its end. */
    static void write(long millis, Buffer out) {
        long day = Math.floorDiv(millis, DAY);
        int rest = (int) Math.floorMod(millis, DAY);
        long shifted = day + 719_468;
        long era = Math.floorDiv(shifted, 146_097);
        int ofEra = (int) (shifted - era * 146_097);
        int yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365;
        int ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        int march = (5 * ofYear + 2) / 153;
        int month = march < 10 ? march + 3 : march - 9;
        int year = (int) (yearOfEra + era * 400) + (month <= 2 ? 1 : 0);
        out.put('"');
        two(year / 100, out);
        two(year % 100, out);
        out.put('-');
        two(month, out);
        out.put('-');
        two(ofYear - (153 * march + 2) / 5 + 1, out);
        out.put('T');
        two(rest / 3_600_000, out);
        out.put(':');
        two(rest / 60_000 % 60, out);
        out.put(':');
        two(rest / 1000 % 60, out);
        int fraction = rest % 1000;
        if (fraction != 0) {
            out.put('.');
            out.put('0' + fraction / 100);
            if (fraction % 100 != 0) {
                out.put('0' + fraction / 10 % 10);
                if (fraction % 10 != 0) {
                    out.put('0' + fraction % 10);
                }
            }
        }
        out.put('Z');
        out.put('"');
    }

    private static void two(int number, Buffer out) {
        out.put('0' + number / 10);
        out.put('0' + number % 10);
    }
}
