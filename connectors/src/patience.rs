//! Asking a log until it answers.

use std::time::Duration;

use topology::LogError;

/// The first pause, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Asks until there is an answer or an error that does not pass. After an error that may pass `rest` is told why and
/// for how long to wait, which is longer each time; it waits, and says whether to ask again. `None` when it does not.
pub(crate) fn until_answered<T>(
    mut ask: impl FnMut() -> Result<T, LogError>,
    mut rest: impl FnMut(&str, Duration) -> bool,
) -> Result<Option<T>, LogError> {
    let mut pause = PAUSE.0;
    loop {
        match ask() {
            Err(LogError::Retriable(why)) => {
                if !rest(&why, pause) {
                    return Ok(None);
                }
                pause = (pause * 2).min(PAUSE.1);
            }
            ended => return ended.map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_there_is_an_answer() {
        let (mut asked, mut pauses) = (0, Vec::new());
        let answer = until_answered(
            || {
                asked += 1;
                if asked > 7 { Ok(asked) } else { Err(LogError::Retriable("away".into())) }
            },
            |why, pause| {
                assert_eq!(why, "away");
                pauses.push(pause.as_millis());
                true
            },
        );
        assert_eq!(answer.unwrap(), Some(8));
        assert_eq!(pauses, [200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    }

    #[test]
    fn what_does_not_pass_and_who_will_not_wait_end_it() {
        let denied = until_answered::<()>(|| Err(LogError::Denied("no".into())), |_, _| panic!("it does not pass"));
        assert!(matches!(denied, Err(LogError::Denied(_))));
        let left = until_answered::<()>(|| Err(LogError::Retriable("away".into())), |_, _| false);
        assert!(matches!(left, Ok(None)));
    }
}
