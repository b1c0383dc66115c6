package hub.bench;

import java.io.IOException;

/** The parts that TMF events have in many places: references, states, characteristics. */
final class TmfParts {
    private final JsonFields json;

    private String id;
    private String name;
    private boolean isFirst;
    private boolean hasRest;
    private String foundCircle;
    private String productCircle;

    TmfParts(JsonFields json) {
        this.json = json;
    }

    int state() throws IOException {
        String name = named();
        return name == null ? States.NONE : States.parse(name);
    }

    int action() throws IOException {
        String name = named();
        return name == null ? States.NONE : States.parseAction(name);
    }

    private String named() throws IOException {
        if (!json.atText()) {
            throw new Refused("wrong_type");
        }
        return json.text();
    }

    long wholeNumber() throws IOException {
        String number = json.text();
        if (number == null) {
            return AvroWriter.ABSENT;
        }
        int point = number.indexOf('.');
        try {
            boolean isWhole = point < 0 || number.substring(point + 1).chars().allMatch(digit -> digit == '0');
            return Long.parseLong(point < 0 ? number : isWhole ? number.substring(0, point) : "");
        } catch (NumberFormatException fault) {
            throw new Refused("bad_number");
        }
    }

    /** The id of a reference, which is kept where more than the id stands in it. */
    String reference(String field, Extras extra) throws IOException {
        read(field, extra, false, false);
        return id;
    }

    /** A product's id; its circle is {@link #productCircle} then. */
    String product(String field, Extras extra) throws IOException {
        productCircle = null;
        read(field, extra, false, true);
        return id;
    }

    String productCircle() {
        return productCircle;
    }

    /** The name of the first channel, or its id. */
    String channel(String field, Extras extra) throws IOException {
        read(field, extra, true, false);
        return name == null ? id : name;
    }

    private void read(String field, Extras extra, boolean isChannel, boolean isProduct) throws IOException {
        id = null;
        name = null;
        isFirst = true;
        hasRest = false;
        int start = json.start();
        json.each(() -> {
            if (!isFirst) {
                hasRest = true;
                json.skip();
            } else if (json.atObject()) {
                isFirst = false;
                readFirst(isChannel, isProduct);
            } else {
                isFirst = false;
                id = json.text();
            }
        });
        if (hasRest) {
            extra.add(field, start, json.end());
        }
    }

    private void readFirst(boolean isChannel, boolean isProduct) throws IOException {
        String field;
        while ((field = json.next()) != null) {
            boolean isTaken = field.equals(isChannel ? "name" : "id") || field.equals("href") || field.charAt(0) == '@';
            hasRest |= !isTaken;
            if (field.equals("id")) {
                id = json.text();
            } else if (isChannel && field.equals("name")) {
                name = json.text();
            } else if (isChannel && field.equals("channel") && json.atObject()) {
                readFirst(true, false);
            } else if (isProduct && isCircleHolder(field)) {
                String found = circle();
                productCircle = productCircle == null ? found : productCircle;
            } else {
                json.skip();
            }
        }
    }

    private static boolean isCircleHolder(String field) {
        return field.equals("productCharacteristic") || field.equals("characteristic") || field.equals("place");
    }

    /** The circle in a list of characteristics or places; reads the list to its end. */
    String circle() throws IOException {
        foundCircle = null;
        json.each(this::circleOf);
        return foundCircle;
    }

    private void circleOf() throws IOException {
        if (!json.atObject()) {
            json.skip();
            return;
        }
        String called = null;
        String value = null;
        String field;
        while ((field = json.next()) != null) {
            switch (field) {
                case "name" -> called = json.textIfAny();
                case "value" -> value = json.textIfAny();
                case "circle", "licenceServiceArea", "licensedServiceArea", "lsa" -> {
                    called = field;
                    value = json.text();
                }
                default -> json.skip();
            }
        }
        if (foundCircle == null && called != null && namesCircle(called)) {
            foundCircle = value;
        }
    }

    private static boolean namesCircle(String name) {
        return name.equalsIgnoreCase("circle") || name.equalsIgnoreCase("licenceServiceArea")
            || name.equalsIgnoreCase("licensedServiceArea") || name.equalsIgnoreCase("lsa");
    }
}
