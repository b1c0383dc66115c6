package hub.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/**
 * One JSON text, read once from front to back. Every name that is passed is shown to the card guard, and every value can
 * be kept as the bytes that it is written with.
 */
final class JsonFields {
    /** What is done with each element of a list. */
    interface Element {
        void read() throws IOException;
    }

    private final JsonFactory factory = new JsonFactory();
    private JsonParser parser;

    /** Opens a text whose value must be an object. */
    void open(byte[] json) throws IOException {
        parser = factory.createParser(json);
        if (parser.nextToken() != JsonToken.START_OBJECT) {
            throw new Refused("not_an_object");
        }
    }

    void close() throws IOException {
        parser.close();
    }

    /** Goes to the next field of the object that has a value; null at the object's end. */
    String next() throws IOException {
        while (true) {
            String name = parser.nextFieldName();
            if (name == null) {
                if (parser.currentToken() != JsonToken.END_OBJECT) {
                    throw new Refused("invalid_json");
                }
                return null;
            }
            JsonToken token = parser.nextToken();
            if (token == JsonToken.VALUE_NULL) {
                continue;
            }
            guard(name, token);
            return name;
        }
    }

    private void guard(String name, JsonToken token) throws IOException {
        boolean isText = token == JsonToken.VALUE_STRING;
        boolean denied = CardGuard.denies(name) && !(isText && parser.getText().isBlank());
        // A characteristic may be called what a field may not be.
        if (denied || isText && name.equals("name") && CardGuard.denies(parser.getText())) {
            throw new Refused("card_data");
        }
    }

    boolean atObject() {
        return parser.currentToken() == JsonToken.START_OBJECT;
    }

    boolean atScalar() {
        return parser.currentToken().isScalarValue();
    }

    boolean atText() {
        return parser.currentToken() == JsonToken.VALUE_STRING;
    }

    /** Passes over the value, looking at the names in it. */
    void skip() throws IOException {
        JsonToken token = parser.currentToken();
        if (token == JsonToken.START_OBJECT) {
            while (next() != null) {
                skip();
            }
        } else if (token == JsonToken.START_ARRAY) {
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                skip();
            }
        }
    }

    /** Reads the elements of an array; any other value is taken as the only one. */
    void each(Element element) throws IOException {
        if (parser.currentToken() != JsonToken.START_ARRAY) {
            element.read();
            return;
        }
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            if (parser.currentToken() != JsonToken.VALUE_NULL) {
                element.read();
            }
        }
    }

    /** Text; a number or truth value is taken as its text, and blank text as none. */
    String text() throws IOException {
        if (!atScalar()) {
            throw new Refused("wrong_type");
        }
        String text = parser.getText().strip();
        return text.isEmpty() ? null : text;
    }

    /** As text, but none for an object or array, which is passed over. */
    String textIfAny() throws IOException {
        if (atScalar()) {
            return text();
        }
        skip();
        return null;
    }

    long instant() throws IOException {
        if (!atText()) {
            throw new Refused("wrong_type");
        }
        String text = text();
        return text == null ? AvroWriter.ABSENT : Instants.parse(text);
    }

    /** Where the value begins. */
    int start() {
        return (int) parser.currentTokenLocation().getByteOffset();
    }

    /** Where the value ends, which was read or passed over. */
    int end() throws IOException {
        parser.finishToken();
        return (int) parser.currentLocation().getByteOffset();
    }

    /** Keeps the value as it is written. */
    void keep(String name, Extras extra) throws IOException {
        int start = start();
        skip();
        extra.add(name, start, end());
    }
}
