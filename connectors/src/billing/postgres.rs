//! Billing records in PostgreSQL. The connection lives on a small runtime of its own, so the sink's
//! thread sees plain blocking calls. A lost connection is made anew at the next call.

use std::{collections::BTreeMap, time::Duration};

use schemas::{BillingRecord, Timestamp};
use tokio::{runtime::Runtime, time::timeout};
use tokio_postgres::{Client, Config, NoTls, Statement, Transaction, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    database::{BillingDatabase, BillingPosition, DatabaseError, Entry, Origins, newest_by_entity},
    postgres_error::{classify, is_disconnected},
    postgres_url::{self, PostgresUrlFault},
};

const TABLES: &str = "
create table if not exists billing_record (
    delivery_id text primary key, route text not null, family text not null, entity_kind text not null,
    entity_id text not null, version bigint not null, state text, customer_id text, account_id text, currency text,
    amount_micros bigint, occurred_at bigint not null, ingested_at bigint not null, applied_at bigint not null,
    payload text not null, origin_partition integer not null, origin_offset bigint not null
);
create table if not exists billing_entity (
    entity_kind text not null, entity_id text not null, version bigint not null, state text, customer_id text,
    account_id text, currency text, amount_micros bigint, occurred_at bigint not null, updated_at bigint not null,
    payload text not null, primary key (entity_kind, entity_id)
);
create table if not exists hub_position (
    sink text not null, topic text not null, part integer not null, next_offset bigint not null,
    primary key (sink, topic, part)
);
";

const INSERT_RECORDS: &str = "
insert into billing_record (delivery_id, route, family, entity_kind, entity_id, version, state, customer_id, account_id,
    currency, amount_micros, occurred_at, ingested_at, payload, origin_partition, origin_offset, applied_at)
select *, $17::bigint from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
    $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::integer[],
    $16::bigint[])
on conflict (delivery_id) do nothing
returning origin_partition, origin_offset";

const UPSERT_ENTITIES: &str = "
insert into billing_entity (entity_kind, entity_id, version, state, customer_id, account_id, currency, amount_micros,
    occurred_at, payload, updated_at)
select *, $11::bigint from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::bigint[], $9::bigint[], $10::text[])
on conflict (entity_kind, entity_id) do update set
    version = excluded.version, state = excluded.state, customer_id = excluded.customer_id,
    account_id = excluded.account_id, currency = excluded.currency, amount_micros = excluded.amount_micros,
    occurred_at = excluded.occurred_at, updated_at = excluded.updated_at, payload = excluded.payload
where excluded.version > billing_entity.version";

const UPSERT_POSITIONS: &str = "
insert into hub_position (sink, topic, part, next_offset)
select * from unnest($1::text[], $2::text[], $3::integer[], $4::bigint[])
on conflict (sink, topic, part) do update set next_offset = excluded.next_offset";

const READ_POSITIONS: &str = "select part, next_offset from hub_position where sink = $1 and topic = $2";
const READ_ORIGINS: &str =
    "select delivery_id, origin_partition, origin_offset from billing_record where delivery_id = any($1::text[])";

/// How the database is reached.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `host=... port=... user=... password=... dbname=...`, or a `postgresql://` URL.
    pub url: String,
    /// Whether records may go over a network without TLS.
    pub allow_plain: bool,
    /// The longest a connection may take to come up.
    pub connect_timeout: Duration,
    /// The longest a call may take, its commit included.
    pub call_timeout: Duration,
}

impl std::fmt::Debug for PostgresSettings {
    /// Without the URL, which carries the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresSettings").field("allow_plain", &self.allow_plain).finish_non_exhaustive()
    }
}

impl PostgresSettings {
    /// The usual time-outs for this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            allow_plain: false,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
        }
    }

    /// Checks the URL without connecting.
    ///
    /// # Errors
    /// What is wrong with it, without any part of it.
    pub fn check(&self) -> Result<(), PostgresUrlFault> {
        postgres_url::parse(&self.url, self.allow_plain).map(|_| ())
    }
}

/// Billing in a PostgreSQL database.
pub struct PostgresBilling {
    config: Config,
    /// Where the URL asks for TLS.
    tls: Option<MakeRustlsConnect>,
    call_timeout: Duration,
    runtime: Runtime,
    session: Option<Session>,
}

impl std::fmt::Debug for PostgresBilling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresBilling").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

/// A connection with its statements.
struct Session {
    client: Client,
    insert_records: Statement,
    upsert_entities: Statement,
    upsert_positions: Statement,
}

impl PostgresBilling {
    /// Prepares for a database; it is connected to at the first call, so that a hub may start
    /// before its billing database does.
    ///
    /// # Errors
    /// When the URL makes no sense, or no runtime can be had.
    pub fn new(settings: &PostgresSettings) -> Result<Self, DatabaseError> {
        let mut config = postgres_url::parse(&settings.url, settings.allow_plain)
            .map_err(|fault| DatabaseError::Stop(fault.to_string()))?;
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(postgres_url::tls().map_err(DatabaseError::Stop)?),
            // To prefer TLS but do without is no protection; what leaves this machine was checked.
            _ => {
                config.ssl_mode(SslMode::Disable);
                None
            }
        };
        config.connect_timeout(settings.connect_timeout).application_name("jcms-hub");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| DatabaseError::Stop(format!("a runtime for the billing database: {error}")))?;
        Ok(Self { config, tls, call_timeout: settings.call_timeout, runtime, session: None })
    }

    /// Runs `call` on a session that is connected; throws the session away when it broke.
    fn call<R>(
        &mut self,
        call: impl AsyncFnOnce(&mut Session) -> Result<R, tokio_postgres::Error>,
    ) -> Result<R, DatabaseError> {
        let Self { config, tls, call_timeout, runtime, session } = self;
        let attempt = async {
            if session.as_ref().is_none_or(|session| session.client.is_closed()) {
                *session = Some(Session::connect(config, tls.as_ref()).await?);
            }
            call(session.as_mut().expect("connected just now")).await
        };
        // The timer belongs to the runtime, so it is made within.
        let done = runtime.block_on(async { timeout(*call_timeout, attempt).await });
        match done {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => {
                if is_disconnected(&error) {
                    *session = None;
                }
                Err(classify(&error))
            }
            Err(_) => {
                // Its answer may still come; on a fresh connection it cannot be mistaken for another's.
                *session = None;
                Err(DatabaseError::Retry("the billing database did not answer in time".to_owned()))
            }
        }
    }
}

impl Session {
    async fn connect(config: &Config, tls: Option<&MakeRustlsConnect>) -> Result<Self, tokio_postgres::Error> {
        let client = match tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                tokio::spawn(ended(connection));
                client
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(ended(connection));
                client
            }
        };
        client.batch_execute(TABLES).await?;
        Ok(Self {
            insert_records: client.prepare(INSERT_RECORDS).await?,
            upsert_entities: client.prepare(UPSERT_ENTITIES).await?,
            upsert_positions: client.prepare(UPSERT_POSITIONS).await?,
            client,
        })
    }

    async fn apply(
        &mut self,
        batch: &[Entry<'_>],
        positions: &[BillingPosition<'_>],
        applied_at: Timestamp,
    ) -> Result<Vec<bool>, tokio_postgres::Error> {
        let Self { client, insert_records, upsert_entities, upsert_positions } = self;
        let transaction = client.transaction().await?;
        let new = insert(&transaction, insert_records, batch, applied_at).await?;
        upsert(&transaction, upsert_entities, batch, applied_at).await?;
        let sinks: Vec<_> = positions.iter().map(|at| at.sink).collect();
        let topics: Vec<_> = positions.iter().map(|at| at.topic).collect();
        let partitions: Vec<_> = positions.iter().map(|at| at.partition as i32).collect();
        let offsets: Vec<_> = positions.iter().map(|at| at.next_offset).collect();
        transaction.execute(&*upsert_positions, &[&sinks, &topics, &partitions, &offsets]).await?;
        transaction.commit().await?;
        Ok(new)
    }
}

/// Drives a connection. Why it ended the client's next call says too, and a new one answers that.
async fn ended(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "the connection to the billing database ended");
    }
}

async fn insert(
    transaction: &Transaction<'_>,
    statement: &Statement,
    batch: &[Entry<'_>],
    applied_at: Timestamp,
) -> Result<Vec<bool>, tokio_postgres::Error> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let records = Columns { records: batch.iter().map(|entry| entry.record).collect() };
    let families: Vec<_> = batch.iter().map(|entry| entry.record.family.name()).collect();
    let partitions: Vec<_> = batch.iter().map(|entry| entry.partition as i32).collect();
    let offsets: Vec<_> = batch.iter().map(|entry| entry.offset).collect();
    let rows = transaction
        .query(
            statement,
            &[
                &records.text(|record| &record.delivery_id),
                &records.text(|record| &record.route),
                &families,
                &records.text(|record| &record.entity_kind),
                &records.text(|record| &record.entity_id),
                &records.number(|record| record.version),
                &records.maybe(|record| record.state.as_deref()),
                &records.maybe(|record| record.customer_id.as_deref()),
                &records.maybe(|record| record.account_id.as_deref()),
                &records.maybe(|record| record.currency.as_deref()),
                &records.number(|record| record.amount_micros),
                &records.number(|record| record.occurred_at.as_millis()),
                &records.number(|record| record.ingested_at.as_millis()),
                &records.text(|record| &record.payload),
                &partitions,
                &offsets,
                &applied_at.as_millis(),
            ],
        )
        .await?;
    let new: std::collections::HashSet<(i32, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(batch.iter().map(|entry| new.contains(&(entry.partition as i32, entry.offset))).collect())
}

async fn upsert(
    transaction: &Transaction<'_>,
    statement: &Statement,
    batch: &[Entry<'_>],
    applied_at: Timestamp,
) -> Result<(), tokio_postgres::Error> {
    if batch.is_empty() {
        return Ok(());
    }
    let records = Columns { records: newest_by_entity(batch).into_values().collect() };
    transaction
        .execute(
            statement,
            &[
                &records.text(|record| &record.entity_kind),
                &records.text(|record| &record.entity_id),
                &records.number(|record| record.version),
                &records.maybe(|record| record.state.as_deref()),
                &records.maybe(|record| record.customer_id.as_deref()),
                &records.maybe(|record| record.account_id.as_deref()),
                &records.maybe(|record| record.currency.as_deref()),
                &records.number(|record| record.amount_micros),
                &records.number(|record| record.occurred_at.as_millis()),
                &records.text(|record| &record.payload),
                &applied_at.as_millis(),
            ],
        )
        .await?;
    Ok(())
}

/// Records as columns: one array a parameter, so a batch is one round trip a table.
struct Columns<'a> {
    records: Vec<&'a BillingRecord>,
}

impl<'a> Columns<'a> {
    fn text(&self, field: impl Fn(&'a BillingRecord) -> &'a String) -> Vec<&'a str> {
        self.records.iter().map(|record| field(record).as_str()).collect()
    }

    fn maybe(&self, field: impl Fn(&'a BillingRecord) -> Option<&'a str>) -> Vec<Option<&'a str>> {
        self.records.iter().map(|record| field(record)).collect()
    }

    fn number<N>(&self, field: impl Fn(&'a BillingRecord) -> N) -> Vec<N> {
        self.records.iter().map(|record| field(record)).collect()
    }
}

impl BillingDatabase for PostgresBilling {
    fn positions(&mut self, sink: &str, topic: &str) -> Result<BTreeMap<u32, i64>, DatabaseError> {
        let rows = self.call(async |session| session.client.query(READ_POSITIONS, &[&sink, &topic]).await)?;
        Ok(rows.iter().map(|row| (row.get::<_, i32>(0) as u32, row.get(1))).collect())
    }

    fn apply(
        &mut self,
        batch: &[Entry<'_>],
        positions: &[BillingPosition<'_>],
        applied_at: Timestamp,
    ) -> Result<Vec<bool>, DatabaseError> {
        self.call(async |session| session.apply(batch, positions, applied_at).await)
    }

    fn origins(&mut self, delivery_ids: &[&str]) -> Result<Origins, DatabaseError> {
        let rows = self.call(async |session| session.client.query(READ_ORIGINS, &[&delivery_ids]).await)?;
        Ok(rows.iter().map(|row| (row.get(0), (row.get::<_, i32>(1) as u32, row.get(2)))).collect())
    }
}
