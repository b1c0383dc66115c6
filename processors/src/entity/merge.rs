//! The last writer wins, by when it happened: how patches of attributes are merged.

/// What a merge did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Merged {
    /// Something is different now.
    pub any: bool,
    /// Something came too late to count.
    pub late: bool,
}

/// Sets fields of a group: all that the patch names where it is the later word, else only those
/// that nobody has said.
macro_rules! merge_group {
    ($merged:ident, $since:expr, $at:ident, $patch:ident => $own:ident: $($field:ident),+) => {
        let named = $($patch.$field.is_some())||+;
        if named {
            let later = $at >= $since;
            $(
                if $patch.$field.is_some() && $patch.$field != $own.$field {
                    if later || $own.$field.is_none() {
                        $own.$field = $patch.$field;
                        $merged.any = true;
                    } else {
                        $merged.late = true;
                    }
                }
            )+
            $since = $since.max($at);
        }
    };
}
pub(crate) use merge_group;
