package hub.bench;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/** The door for card data: names of fields that hold it, and numbers of 13 to 19 digits that a card could have. */
final class CardGuard {
    private static final int DIGITS_MIN = 13;
    private static final int DIGITS_MAX = 19;
    private static final int NAME_MAX = 40;
    private static final int LETTERS = 26;

    private static final Set<String> DENIED = new HashSet<>(Arrays.asList(
        "cardnumber", "cardno", "cardnum", "cardpan", "creditcardnumber", "debitcardnumber", "ccnumber",
        "primaryaccountnumber", "cvv", "cvv2", "cvc", "cvc2", "cvn", "cvn2", "cav2", "csc", "cardcode", "cardcvv",
        "cardcvc", "cardsecuritycode", "cardverificationvalue", "cardverificationcode", "cardexpiry",
        "cardexpirydate", "cardexpirationdate", "cardpin", "pinblock", "nameoncard", "cardholder", "cardholdername",
        "track1", "track2", "track1data", "track2data", "trackdata", "magneticstripe", "magstripe",
        "bankaccountnumber"));
    /** The shortest denied name by its first two letters; nearly every name is let through by it. */
    private static final byte[] SHORTEST = new byte[LETTERS * LETTERS];

    static {
        Arrays.fill(SHORTEST, Byte.MAX_VALUE);
        for (String name : DENIED) {
            int pair = (name.charAt(0) - 'a') * LETTERS + name.charAt(1) - 'a';
            SHORTEST[pair] = (byte) Math.min(SHORTEST[pair], name.length());
        }
    }

    private CardGuard() {
    }

    /** Whether a field of this name holds card data, however the name is spelt. */
    static boolean denies(String name) {
        // Many names of this format begin with an @.
        int start = !name.isEmpty() && name.charAt(0) == '@' ? 1 : 0;
        int length = name.length() - start;
        if (length < 2 || name.length() > NAME_MAX) {
            return false;
        }
        int first = (name.charAt(start) | 0x20) - 'a';
        int second = (name.charAt(start + 1) | 0x20) - 'a';
        boolean letters = first >= 0 && first < LETTERS && second >= 0 && second < LETTERS;
        if (letters && length < SHORTEST[first * LETTERS + second]) {
            return false;
        }
        StringBuilder plain = new StringBuilder(name.length());
        for (int at = 0; at < name.length(); at++) {
            char letter = name.charAt(at);
            if (letter >= 'A' && letter <= 'Z') {
                plain.append((char) (letter + 32));
            } else if (letter >= 'a' && letter <= 'z' || letter >= '0' && letter <= '9') {
                plain.append(letter);
            }
        }
        return DENIED.contains(plain.toString());
    }

    /** Whether a card number stands anywhere in the text. */
    static boolean hasCardNumber(byte[] text) {
        // A run of 13 bytes or more covers one of the bytes looked at: the others need not be.
        int probe = DIGITS_MIN - 1;
        while (probe < text.length) {
            if (!inRun(text[probe])) {
                probe += DIGITS_MIN;
                continue;
            }
            int start = probe;
            while (start > 0 && inRun(text[start - 1])) {
                start--;
            }
            int end = probe + 1;
            while (end < text.length && inRun(text[end])) {
                end++;
            }
            if (end - start >= DIGITS_MIN && isCardIn(text, start, end)) {
                return true;
            }
            probe = end + DIGITS_MIN;
        }
        return false;
    }

    private static boolean inRun(byte letter) {
        return letter >= '0' && letter <= '9' || letter == ' ' || letter == '-';
    }

    private static boolean isDigit(byte letter) {
        return letter >= '0' && letter <= '9';
    }

    /** Looks at each group of digits, and at neighbours with one separator between them together. */
    private static boolean isCardIn(byte[] text, int start, int end) {
        byte[] digits = new byte[DIGITS_MAX];
        for (int from = start; from < end; from++) {
            boolean begins = isDigit(text[from]) && (from == start || !isDigit(text[from - 1]));
            // What follows a decimal point is the noise of a binary fraction.
            if (!begins || from > 1 && text[from - 1] == '.' && isDigit(text[from - 2])) {
                continue;
            }
            int count = 0;
            for (int at = from; at < end; at++) {
                if (isDigit(text[at])) {
                    if (count == DIGITS_MAX) {
                        break;
                    }
                    digits[count++] = (byte) (text[at] - '0');
                    boolean closes = at + 1 == end || !isDigit(text[at + 1]);
                    if (closes && count >= DIGITS_MIN && isIssued(digits, count) && passesLuhn(digits, count)) {
                        return true;
                    }
                } else if (!isDigit(text[at - 1])) {
                    break;
                }
            }
        }
        return false;
    }

    /** Whether a card scheme gives out numbers with this prefix and length. */
    private static boolean isIssued(byte[] digits, int count) {
        int prefix = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3];
        if (prefix >= 4000 && prefix <= 4999) {
            return count == 13 || count == 16 || count == 19;
        }
        if (prefix >= 2221 && prefix <= 2720 || prefix >= 5100 && prefix <= 5599 || prefix >= 3528 && prefix <= 3589
            || prefix >= 8100 && prefix <= 8299) {
            return count == 16;
        }
        if (prefix >= 3400 && prefix <= 3499 || prefix >= 3700 && prefix <= 3799) {
            return count == 15;
        }
        if (prefix >= 3000 && prefix <= 3059 || prefix == 3095 || prefix >= 3600 && prefix <= 3699
            || prefix >= 3800 && prefix <= 3999) {
            return count == 14 || count == 16 || count == 19;
        }
        boolean others = prefix >= 5000 && prefix <= 5099 || prefix >= 5600 && prefix <= 5899
            || prefix >= 6000 && prefix <= 6999;
        return others && count >= 16;
    }

    private static boolean passesLuhn(byte[] digits, int count) {
        int sum = 0;
        for (int place = 0; place < count; place++) {
            int digit = digits[count - 1 - place];
            int doubled = digit * 2;
            sum += place % 2 == 0 ? digit : doubled > 9 ? doubled - 9 : doubled;
        }
        return sum % 10 == 0;
    }
}
