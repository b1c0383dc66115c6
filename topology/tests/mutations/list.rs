//! What is broken on purpose, one line each.

/// One deliberate fault: in `file`, `from` becomes `to`.
pub struct Mutation {
    /// What the fault is.
    pub name: &'static str,
    /// The file below `topology/src`.
    pub file: &'static str,
    /// A text that stands there exactly once.
    pub from: &'static str,
    /// What stands there instead.
    pub to: &'static str,
}

const fn mutation(name: &'static str, file: &'static str, from: &'static str, to: &'static str) -> Mutation {
    Mutation { name, file, from, to }
}

/// Every fault that the simulation, or the cases beside it, must catch.
pub const MUTATIONS: &[Mutation] = &[
    mutation(
        "positions stay behind the outputs they stand for",
        "task/commit.rs",
        "Position { next_offset: queue.next, metadata }",
        "Position { next_offset: queue.committed, metadata }",
    ),
    mutation(
        "positions run ahead of the outputs they stand for",
        "task/commit.rs",
        "Position { next_offset: queue.next, metadata }",
        "Position { next_offset: queue.next.next(), metadata }",
    ),
    mutation(
        "the effect is applied before the transaction ended",
        "worker/commit.rs",
        "Commit::Aborted => self.counters.aborts += 1,\n",
        "Commit::Aborted => self.tasks.iter_mut().for_each(|task| task.committed(at)),\n",
    ),
    mutation(
        "an abort leaves the open layer of the stores",
        "task/commit.rs",
        "        self.core.stores.undo_to(0);\n",
        "        self.core.stores.committed();\n",
    ),
    mutation(
        "an abort takes back what processors did as they opened, for good",
        "task/opening.rs",
        "        self.is_done = self.is_durable;\n",
        "        let _ = self.is_durable;\n",
    ),
    mutation(
        "a standby stands for more than it holds",
        "standby.rs",
        "                    next[store] = Some(read_to);\n",
        "                    next[store] = Some(read_to.next());\n",
    ),
    mutation(
        "a standby loses deletions",
        "standby.rs",
        "                    changes.entries.push((key, record.value));\n",
        "                    changes.entries.extend(record.value.map(|value| (key, Some(value))));\n",
    ),
    mutation("a standby keeps the first of a key's values", "standby.rs", "    entries.reverse();\n", ""),
    mutation(
        "an abort does not take the records again",
        "task/commit.rs",
        "        self.queues.iter_mut().for_each(RecordQueue::rewind);\n",
        "",
    ),
    mutation(
        "an abort does not read on from the committed positions",
        "worker/rewind.rs",
        "                consumer.seek(&queue.partition, queue.committed)?;\n",
        "                let _ = &queue.committed;\n",
    ),
    mutation(
        "an abort leaves the books",
        "task/commit.rs",
        "        self.core.books.clone_from(&self.committed_books);\n        self.core.stream_time",
        "        self.core.stream_time",
    ),
    mutation(
        "fencing is skipped: what a zombie writes counts",
        "sim/producer.rs",
        "if !owned || state.rng.chance(faults.abort) {",
        "if !owned && state.epochs.is_empty() || state.rng.chance(faults.abort) {",
    ),
    mutation(
        "a fenced worker keeps its tasks",
        "worker/commit.rs",
        "                self.opened_at = None;\n                self.close_all();\n                self.disconnect();",
        "                self.opened_at = None;\n                \
         self.tasks.iter_mut().for_each(|task| task.committed(at));",
    ),
    mutation(
        "lost partitions are worked on",
        "worker/rewind.rs",
        "        self.close_tasks(partitions);\n        self.rewind()",
        "        let _ = partitions;\n        self.rewind()",
    ),
    mutation(
        "the work of lost partitions stays in the transaction",
        "worker/rewind.rs",
        "        self.close_tasks(partitions);\n        self.rewind()",
        "        self.close_tasks(partitions);\n        Ok(())",
    ),
    mutation(
        "timers are lost on restore",
        "task/restore.rs",
        "                let Some(key) = &record.key else { continue };\n",
        "                let Some(key) = &record.key else { continue };\n                \
         if store == self.core.plan.timers_store() {\n                    continue;\n                }\n",
    ),
    mutation(
        "deletions are lost on restore",
        "task/restore.rs",
        "                let Some(key) = &record.key else { continue };\n",
        "                let Some(key) = &record.key else { continue };\n                \
         if record.value.is_none() {\n                    continue;\n                }\n",
    ),
    mutation(
        "the tail behind a checkpoint is not replayed",
        "task/restore.rs",
        "let start = position.map_or(start, |position| position.max(start));",
        "let start = position.map_or(start, |_| end);",
    ),
    mutation(
        "only what is visible at the start is replayed",
        "task/restore.rs",
        "let ends = log.written_ends(&changelogs)?;\n        for (store",
        "let ends = log.bounds_of(&changelogs)?.into_iter().map(|(_, end)| end);\n        for (store",
    ),
    mutation(
        "a checkpoint says that it is newer than it is",
        "task/checkpointing.rs",
        "            changes.push(StoreChanges { entries, expired_before, next_offset: pending.next_offset.take() });\n",
        "            let next_offset = pending.next_offset.take().map(Offset::next);\n            \
         changes.push(StoreChanges { entries, expired_before, next_offset });\n",
    ),
    mutation(
        "a checkpoint takes up what is not committed",
        "task/checkpointing.rs",
        "        if self.bytes == 0 || is_open {\n",
        "        let _ = is_open;\n        if self.bytes == 0 {\n",
    ),
    mutation(
        "a key that an earlier batch held is not put into the next one",
        "store/mark.rs",
        "        self.0 & Epoch::OPEN.0 == epoch.0\n",
        "        self.0 & Epoch::OPEN.0 <= epoch.0 && self.0 & Epoch::OPEN.0 > 0\n",
    ),
    mutation(
        "a task runs before its stores are whole",
        "task/restore.rs",
        "        if !self.restore.open.is_empty() {\n            return Ok(false);\n        }\n",
        "",
    ),
    mutation(
        "a changelog misses the deletions",
        "task/commit.rs",
        "            producer.send(OutgoingRecord {\n                topic: plan.stores[store].changelog.clone(),",
        "            if value.is_none() {\n                return Ok(());\n            }\n            \
         producer.send(OutgoingRecord {\n                topic: plan.stores[store].changelog.clone(),",
    ),
    mutation(
        "a call that failed leaves what it changed",
        "task/run.rs",
        "                self.core.undo_call(savepoint);\n                let (quarantine, outcome)",
        "                let _ = savepoint;\n                let (quarantine, outcome)",
    ),
    mutation(
        "a record that is to be tried again is forgotten",
        "task/run.rs",
        "                        self.queues[source].unpop(record);\n",
        "",
    ),
    mutation(
        "a timer fires twice",
        "task/run.rs",
        "            self.core.stores.delete(store, &stored);\n            self.touched = true;",
        "            if now.0 % 7 != 0 {\n                self.core.stores.delete(store, &stored);\n            }\n            \
         self.touched = true;",
    ),
    mutation(
        "dead letters are not written",
        "task/run.rs",
        "                self.core.outgoing.push(letter);\n",
        "                drop(letter);\n",
    ),
    mutation(
        "a revoked task ends without its commit",
        "worker/rewind.rs",
        "        if self.commit(now)? == Commit::Committed {\n            self.finish_checkpoints_of(partitions, now);\n        }\n        self.close_tasks(partitions);",
        "        for task in &mut self.tasks {\n            task.committed(now);\n        }\n        \
         self.finish_checkpoints_of(partitions, now);\n        self.close_tasks(partitions);",
    ),
    mutation(
        "an entry leaves memory before a checkpoint has it",
        "store/entries.rs",
        "            if !mark.is_in(finished) {\n                continue;\n            }\n",
        "            let _ = finished;\n",
    ),
    mutation(
        "what is committed counts as being in the checkpoint already",
        "store/entries.rs",
        "mark.set(found.at(epoch));",
        "mark.set(found.at(if epoch > Epoch::LOADED { Epoch::LOADED } else { epoch }));",
    ),
    mutation(
        "a batch counts as finished while it is being collected",
        "store/layers.rs",
        "        self.finished = self.epoch.before();\n",
        "        self.finished = self.epoch;\n",
    ),
    mutation(
        "reads go on in the checkpoint as it was before the last batch",
        "store/layers.rs",
        "        self.reader = Some(reader);\n        self.finished",
        "        drop(reader);\n        self.finished",
    ),
    mutation(
        "a key that is not in memory counts as one that does not exist",
        "store/transaction.rs",
        "Found::Nothing if !entries.is_known(key) => self.read_checkpoint(store, key),",
        "Found::Nothing if !entries.is_known(key) && key.is_empty() => self.read_checkpoint(store, key),",
    ),
    mutation(
        "a deletion of what only the checkpoint has is forgotten",
        "store/transaction.rs",
        "            self.replace(store, key, &[], Mark::deleted(Epoch::OPEN));\n",
        "            if let Some((entry, mark)) = self.entries[store].remove(hash, key) {\n                \
         self.push(store, hash, 0, mark, Replaced::Entry(entry));\n            }\n",
    ),
    mutation(
        "a replayed deletion of what only the checkpoint has is forgotten",
        "store/transaction.rs",
        "None => entries.put(hash, Entry::new(key, &[]), Mark::deleted(epoch)),",
        "None => entries.remove(hash, key),",
    ),
    mutation(
        "what comes back from the checkpoint replaces what is newer",
        "store/transaction.rs",
        "        if entries.find(hash, key) == Found::Nothing {\n",
        "        if entries.find(hash, key) != Found::Deleted {\n",
    ),
    mutation(
        "what comes back from the checkpoint undoes deletions",
        "store/transaction.rs",
        "        if entries.find(hash, key) == Found::Nothing {\n",
        "        if !matches!(entries.find(hash, key), Found::Value(_)) {\n",
    ),
    mutation(
        "a store counts as whole before all of it has come back",
        "task/resident.rs",
        "            Some(last) => self.residence.warming = Some((store, Some(last))),\n",
        "            Some(_) => stores.loaded(store),\n",
    ),
    mutation(
        "what is given back while a store comes back is not asked for again",
        "task/resident.rs",
        "                    self.residence.warming = None;\n",
        "                    self.residence.exhausted_at = None;\n",
    ),
    mutation(
        "an ordered entry leaves memory before a checkpoint has it",
        "store/ordered.rs",
        "        for slot in self.values.extract_if(range, |slot| slot.mark.get().is_in(finished)) {\n",
        "        for slot in self.values.extract_if(range, |_| true) {\n",
    ),
    mutation(
        "a range passes for complete when a part of it has left memory",
        "store/ordered.rs",
        "                self.pieces.cut(slot.entry.key(), below);\n",
        "",
    ),
    mutation(
        "a range passes for complete when an undone change leaves it to the checkpoint",
        "store/transaction.rs",
        "                    entries.set_unknown(&key);\n",
        "",
    ),
    mutation(
        "a range passes for complete beyond what was read of it",
        "store/ranges.rs",
        "        let end = last.map_or_else(|| to.to_vec(), next_key);\n",
        "        let end = last.map_or_else(|| to.to_vec(), |_| to.to_vec());\n",
    ),
    mutation(
        "a range shows what is gone in memory but not yet in the checkpoint",
        "store/ranges.rs",
        "                    None => entries.is_deleted(key) || each(key, value),\n",
        "                    None => each(key, value),\n",
    ),
    mutation(
        "a range shows what the checkpoint has instead of what is newer",
        "store/ranges.rs",
        "                    Some(entry) => each(entry.key(), entry.value()),\n",
        "                    Some(_) => each(key, value),\n",
    ),
    mutation(
        "a range leaves out what comes after all that the checkpoint has",
        "store/ranges.rs",
        "            if !goes_on {\n                return;\n            }\n            goes_on = each(entry.key(), entry.value());\n",
        "            if goes_on {\n                return drop(entry);\n            }\n",
    ),
    mutation(
        "a range ends where memory is not complete any more",
        "store/ranges.rs",
        "        if known_to != to\n",
        "        if known_to != to && known_to == Some(from)\n",
    ),
    mutation(
        "the next timer is looked for in memory only",
        "task/run.rs",
        "                self.core.stores.reach_first(store, &from, &to, self.timer_head_bytes / HEAD_PART)?;\n",
        "                let _ = (from, to);\n",
    ),
    mutation(
        "a store that becomes a part forgets which keys are gone",
        "store/layers.rs",
        "        if was_whole && !self.entries[store].is_whole() {\n",
        "        if !was_whole && self.entries[store].is_whole() {\n",
    ),
    mutation(
        "windows that expired come back with a restore",
        "task/restore.rs",
        "            self.expire_windows(stream_time);\n",
        "            let _ = stream_time;\n",
    ),
    mutation(
        "a segment of windows goes before its last window has expired",
        "topology.rs",
        "Some(Timestamp(oldest.saturating_mul(length)))",
        "Some(Timestamp((oldest + 1).saturating_mul(length)))",
    ),
    mutation(
        "windows go by a stream time that is not committed",
        "task/commit.rs",
        "        self.write_books()?;\n        self.check_reads()?;",
        "        self.write_books()?;\n        self.expire_windows(self.core.stream_time);\n        self.check_reads()?;",
    ),
    mutation(
        "a checkpoint forgets a window that is kept",
        "task/checkpointing.rs",
        "stores.entries(store).first_kept().map(|first| Bytes::copy_from_slice(&first));",
        "stores.entries(store).first_kept().map(|first| Bytes::copy_from_slice(&[first[0], first[1], first[2], \
         first[3], first[4], first[5], first[6].wrapping_add(1)]));",
    ),
    mutation(
        "a call goes on with what a failed read made it believe",
        "task/run.rs",
        "source, &record, call);\n        self.check_reads()?;",
        "source, &record, call);\n        let _ = self.check_reads();",
    ),
    mutation(
        "a task that begins anew leaves its open transaction",
        "worker/checkpoint.rs",
        "        if !self.rewind()? {\n            return Ok(());\n        }\n",
        "",
    ),
    mutation(
        "a record that the log did not take counts as sent",
        "task/run.rs",
        "            producer.send(record)?;\n",
        "            drop(producer.send(record));\n",
    ),
    mutation(
        "a consumer that did not go back counts as gone back",
        "worker/rewind.rs",
        "                consumer.seek(&queue.partition, queue.committed)?;\n",
        "                drop(consumer.seek(&queue.partition, queue.committed));\n",
    ),
    mutation(
        "a changelog that cannot be read counts as read",
        "task/restore.rs",
        "log.read(&self.changelog(store), next, max_bytes, scratch)?;",
        "log.read(&self.changelog(store), next, max_bytes, scratch).unwrap_or(end);",
    ),
    mutation(
        "a read that brings little counts as the last one",
        "task/restore.rs",
        "if read_to < end && (read_to",
        "if read_to < end && read_to > next.next() && (read_to",
    ),
    mutation(
        "what was done while a commit was under way counts as committed with it",
        "task/commit.rs",
        "            queue.committed = next;\n",
        "            queue.committed = queue.next.max(next);\n",
    ),
    mutation(
        "the books take what was done while a commit was under way for committed",
        "task/commit.rs",
        "        self.committed_books = prepared.books;\n",
        "        self.committed_books.clone_from(&self.core.books);\n        drop(prepared.books);\n",
    ),
    mutation(
        "what was done while a commit was under way cannot be undone",
        "task/commit.rs",
        "        self.core.stores.committed_to(prepared.savepoint);\n",
        "        self.core.stores.committed();\n        let _ = prepared.savepoint;\n",
    ),
    mutation(
        "what was done before a commit is undone with what came after it",
        "task/commit.rs",
        "        self.core.stores.committed_to(prepared.savepoint);\n",
        "        let _ = prepared.savepoint;\n",
    ),
    mutation(
        "partitions of a membership that has ended are worked on",
        "worker/step.rs",
        "                if self.settle()? != Some(Commit::Fenced) {\n",
        "                if self.settle().map(|_| true)? {\n",
    ),
    mutation(
        "a checkpoint is written while a commit is under way",
        "worker/checkpoint.rs",
        "            let is_open = task.is_open();\n",
        "            let is_open = task.touched;\n",
    ),
    mutation(
        "windows go while the next transaction may bring them back",
        "task/commit.rs",
        "        if self.core.stores.savepoint() == 0 {\n",
        "        if !self.queues.is_empty() {\n",
    ),
    mutation(
        "memory is given back while a commit is under way",
        "worker/memory.rs",
        "            if !task.is_open() {\n",
        "            if !task.touched {\n",
    ),
];
