//! The world that events tell of: circles, classes, offerings, partners, and customers as functions
//! of a seed and a number.

use super::dice::mix;

/// The partner that ships devices.
pub(super) const COURIER: &str = "partner-courier";
/// The partner that supplies value-added services.
pub(super) const VAS: &str = "partner-vas";

/// Licence service areas.
pub(super) const CIRCLES: [&str; 8] =
    ["Mumbai", "Delhi", "Karnataka", "Tamil Nadu", "Gujarat", "Kolkata", "Kerala", "Punjab"];

/// An offering of the catalog.
#[derive(Debug)]
pub(super) struct Offering {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) sla_class: &'static str,
    pub(super) billing_code: &'static str,
    pub(super) partner: Option<&'static str>,
    /// Price in hundredths of a rupee, tax included.
    pub(super) price: u64,
    /// Whether a second version becomes valid during the day.
    pub(super) two_versions: bool,
    /// Category of orders for it.
    pub(super) category: &'static str,
}

const fn offering(
    id: &'static str,
    name: &'static str,
    (sla_class, category): (&'static str, &'static str),
    billing_code: &'static str,
    (price, two_versions): (u64, bool),
    partner: Option<&'static str>,
) -> Offering {
    Offering { id, name, sla_class, billing_code, partner, price, two_versions, category }
}

const MOBILE: (&str, &str) = ("mobile", "B2C product order");
const FIBRE: (&str, &str) = ("fibre", "B2C product order");
const VAS_CLASS: (&str, &str) = ("vas", "ADD-VAS");
const DEVICE: (&str, &str) = ("device", "ADD-DEVICE");
const ENTERPRISE: (&str, &str) = ("enterprise", "B2B product order");

/// The catalog. Order matters: `plan_for` draws by position.
pub(super) const OFFERINGS: [Offering; 12] = [
    offering("offer-mobile-299", "Mobile 299", MOBILE, "MOB299", (29_900, true), None),
    offering("offer-mobile-599", "Mobile 599", MOBILE, "MOB599", (59_900, true), None),
    offering("offer-mobile-post-399", "Postpaid 399", MOBILE, "POST399", (39_900, false), None),
    offering("offer-sim-swap", "SIM replacement", ("sim", "SIM-SWAP"), "SIMSWP", (5_000, false), None),
    offering("offer-fibre-100", "Fibre 100", FIBRE, "FIB100", (69_900, true), None),
    offering("offer-fibre-300", "Fibre 300", FIBRE, "FIB300", (149_900, false), None),
    offering("offer-vas-music", "Music", VAS_CLASS, "VASMUS", (9_900, false), Some(VAS)),
    offering("offer-vas-cinema", "Cinema", VAS_CLASS, "VASCIN", (19_900, true), Some(VAS)),
    offering("offer-vas-games", "Games", VAS_CLASS, "VASGAM", (14_900, false), Some(VAS)),
    offering("offer-device-router", "Router", DEVICE, "DEVRTR", (249_900, false), Some(COURIER)),
    offering("offer-device-phone", "Phone", DEVICE, "DEVPHN", (1_299_900, false), Some(COURIER)),
    offering("offer-leased-line", "Leased line", ENTERPRISE, "LL10G", (4_999_900, false), None),
];

/// How many business hours after the start the second version of an offering becomes valid.
pub(super) const SECOND_VERSION_AFTER_HOURS: i64 = 12;

/// A customer, made anew whenever it is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Customer {
    pub(super) number: u64,
    bits: u64,
}

impl Customer {
    pub(super) const fn new(seed: u64, number: u64) -> Self {
        Self { number, bits: mix(seed ^ 0x00c5_7031, number) }
    }

    pub(super) const fn class(self) -> &'static str {
        match self.bits % 20 {
            0 => "enterprise",
            1..=3 => "gold",
            4..=8 => "silver",
            _ => "standard",
        }
    }

    pub(super) const fn circle(self) -> &'static str {
        CIRCLES[((self.bits >> 8) % 8) as usize]
    }

    pub(super) const fn is_postpaid(self) -> bool {
        (self.bits >> 16) % 5 < 2
    }

    /// The last five digits of a telephone number that belongs to nobody.
    pub(super) const fn phone_digits(self) -> u64 {
        (self.bits >> 24) % 100_000
    }
}
