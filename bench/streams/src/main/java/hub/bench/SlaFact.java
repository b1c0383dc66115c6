package hub.bench;

import java.util.List;

/** What clocks need of a lifecycle fact. */
final class SlaFact {
    String entity;
    long version;
    String change;
    String fromState;
    String toState;
    long occurredAt;
    long ingestedAt;
    long createdAt;
    long dueAt;
    String customer;
    String customerClass;
    String account;
    List<String> partners;
    String offeringClass;
    String category;
    List<String> flags;

    static SlaFact read(AvroReader in, byte[] frame) {
        in.open(frame, Schemas.LIFECYCLE_FACT);
        SlaFact fact = new SlaFact();
        in.skipText();
        in.number();
        in.skipText();
        fact.entity = in.text();
        fact.version = in.number();
        in.skipText();
        fact.change = in.text();
        fact.fromState = in.optionalText();
        fact.toState = in.optionalText();
        fact.occurredAt = in.number();
        fact.ingestedAt = in.number();
        fact.createdAt = in.optionalNumber();
        fact.dueAt = in.optionalNumber();
        fact.customer = in.optionalText();
        fact.customerClass = in.optionalText();
        fact.account = in.optionalText();
        fact.partners = in.texts();
        fact.offeringClass = in.optionalText();
        fact.category = in.optionalText();
        in.skipOptionalText();
        in.skipOptionalText();
        in.skipOptionalText();
        fact.flags = in.texts();
        return fact;
    }
}
