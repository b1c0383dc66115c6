package hub.bench;

import java.util.Arrays;

/** Fields that a reader does not know: their names, and where their JSON text stands in the event. */
final class Extras {
    private String[] names = new String[8];
    private int[] places = new int[16];
    private int count;

    void add(String name, int start, int end) {
        if (count == names.length) {
            names = Arrays.copyOf(names, count * 2);
            places = Arrays.copyOf(places, count * 4);
        }
        names[count] = name;
        places[count * 2] = start;
        places[count * 2 + 1] = end;
        count++;
    }

    /** The map of the schema; the texts go from the event to the record as they are. */
    void write(AvroWriter out, byte[] json) {
        if (count > 0) {
            out.number(count);
            for (int index = 0; index < count; index++) {
                out.text(names[index]);
                out.bytes(json, places[index * 2], places[index * 2 + 1]);
            }
        }
        out.put(0);
    }
}
