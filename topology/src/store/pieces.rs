//! The ranges of keys of which memory has everything.

/// Of a store that is a part: ranges in which a key that is not resident does not exist. In order, apart from
/// each other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces(Vec<Piece>);

/// Keys in `[from, to)`; `to` of `None` is unbounded.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    from: Vec<u8>,
    to: Option<Vec<u8>>,
}

/// How far everything from a key on is resident.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reach<'a> {
    /// Not even of the key itself it is known.
    Nowhere,
    /// Up to this key, which is not included.
    To(&'a [u8]),
    /// To the end.
    Everything,
}

/// Whether a range that ends at `end` goes beyond `key`.
fn ends_after(end: Option<&[u8]>, key: &[u8]) -> bool {
    end.is_none_or(|end| end > key)
}

impl Pieces {
    /// One piece of all keys.
    pub(crate) fn all() -> Self {
        Self(vec![Piece { from: Vec::new(), to: None }])
    }

    /// No piece.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// How far everything from `key` on is resident.
    pub(crate) fn reach(&self, key: &[u8]) -> Reach<'_> {
        let holds = |piece: &&Piece| piece.from.as_slice() <= key && ends_after(piece.to.as_deref(), key);
        match self.0.iter().find(holds) {
            None => Reach::Nowhere,
            Some(Piece { to: Some(to), .. }) => Reach::To(to),
            Some(Piece { to: None, .. }) => Reach::Everything,
        }
    }

    /// Everything in `[from, to)` is resident from now on.
    pub(crate) fn add(&mut self, from: &[u8], to: &[u8]) {
        let (mut first, mut end) = (from.to_vec(), Some(to.to_vec()));
        self.0.retain_mut(|piece| {
            let touches = piece.from.as_slice() <= to && piece.to.as_deref().is_none_or(|end| end >= from);
            if touches {
                first = std::mem::take(&mut piece.from).min(std::mem::take(&mut first));
                end = end.take().zip(piece.to.take()).map(|(one, other)| one.max(other));
            }
            !touches
        });
        let place = self.0.partition_point(|piece| piece.from < first);
        self.0.insert(place, Piece { from: first, to: end });
    }

    /// Something in `[from, to)` is resident no more: what touches that ends before it.
    pub(crate) fn cut(&mut self, from: &[u8], to: Option<&[u8]>) {
        self.0.retain_mut(|piece| {
            if !ends_after(to, &piece.from) || !ends_after(piece.to.as_deref(), from) {
                return true;
            }
            piece.to = Some(from.to_vec());
            piece.from.as_slice() < from
        });
    }
}

/// The first key after `key`.
pub(crate) fn next_key(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_that_touch_are_one_and_others_stay_apart() {
        let mut pieces = Pieces::none();
        assert_eq!(pieces.reach(b"a"), Reach::Nowhere);
        pieces.add(b"p", b"q");
        pieces.add(b"b", b"d");
        assert_eq!([b"a", b"d", b"q"].map(|key| pieces.reach(key)), [Reach::Nowhere, Reach::Nowhere, Reach::Nowhere]);
        assert_eq!((pieces.reach(b"b"), pieces.reach(b"c")), (Reach::To(b"d"), Reach::To(b"d")));
        pieces.add(b"d", b"f");
        assert_eq!(pieces.reach(b"b"), Reach::To(b"f"));
        pieces.add(b"e", b"z");
        assert_eq!((pieces.reach(b"b"), pieces.0.len()), (Reach::To(b"z"), 1));
    }

    #[test]
    fn what_is_lost_ends_the_piece_that_had_it_and_no_other() {
        let mut pieces = Pieces::all();
        assert_eq!(pieces.reach(b""), Reach::Everything);
        pieces.cut(b"m", Some(&next_key(b"m".to_vec())));
        assert_eq!(
            [pieces.reach(b"l"), pieces.reach(b"m"), pieces.reach(b"n")],
            [Reach::To(b"m"), Reach::Nowhere, Reach::Nowhere]
        );
        pieces.add(b"p", b"r");
        pieces.cut(b"r", None);
        assert_eq!(pieces.reach(b"p"), Reach::To(b"r"), "it did not have that");
        pieces.cut(b"k", Some(b"p"));
        assert_eq!((pieces.reach(b"k"), pieces.reach(b"p")), (Reach::Nowhere, Reach::To(b"r")));
        pieces.cut(b"p", None);
        assert_eq!((pieces.reach(b"a"), pieces.reach(b"p")), (Reach::To(b"k"), Reach::Nowhere));
        pieces.cut(b"", None);
        assert_eq!(pieces, Pieces::none());
    }
}
