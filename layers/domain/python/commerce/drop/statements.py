"""The SQL statements of the drop context. Moments are judged by clock_timestamp(), under a lock."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)

from commerce.drop.tables import (
    drop_entry_table,
    drop_log_table,
    drop_lot_table,
    drop_place_table,
    drop_refusal_table,
    drop_table,
)
from commerce.runtime.db.core import insert_many, insert_row, save_as_read
from commerce.runtime.db.statement import Statement

_d, _lot, _e, _log = drop_table.c, drop_lot_table.c, drop_entry_table.c, drop_log_table.c
_place = drop_place_table.c
_NOW = func.clock_timestamp()
_ID = bindparam("id", type_=Uuid)
_DROP = bindparam("drop_id", type_=Uuid)
_LIMIT = bindparam("limit", type_=BigInteger)
_LOTS = (
    select(
        func.jsonb_agg(
            func.jsonb_build_array(
                _lot.product_id, _lot.units, _lot.returned, _lot.numbered, _lot.served
            )
        )
    )
    .where(_lot.drop_id == _d.id)
    .scalar_subquery()
    .label("lots")
)
# Word for word as in the partial indexes.
_IS_UNDER_WAY = text("state IN ('PUBLISHED', 'SEALED', 'OFFERING')")
_HAS_LEFT_UNTOLD = text("left_at IS NOT NULL AND NOT is_leaving_logged")
_HOLDS = text("drop_entry.status IN ('OFFERED', 'ORDERED', 'BOUGHT')")
# An entry's position is its own, or the place that the draw gave it; with one, it waits in line.
_POSITION = func.coalesce(_e.position, _place.position).label("position")
_STATUS = case(
    (and_(_e.status == "JOINED", _place.position.is_not(None)), "WAITING"), else_=_e.status
).label("status")
_PLACED = drop_entry_table.outerjoin(drop_place_table, _place.entry_id == _e.id)
_DROPS = select(drop_table, _LOTS, _NOW.label("now"))

# A published drop's state follows from the clock.
_STATE = case(
    (_d.state != "PUBLISHED", _d.state),
    (_d.entries_at > _NOW, "SCHEDULED"),
    (_d.draws_at > _NOW, "ENTRIES"),
    else_="SEALED",
)

ADD = insert_row(
    drop_table,
    terms=None, terms_hash=None, beacon_chain=None, beacon_round=None, sealed_at=None,
    entries_count=None, entries_root=None, signature=None, drawn_at=None, ended_at=None,
    log_number=0, log_head=None,
)  # fmt: skip
ADD_LOTS = insert_many(drop_lot_table, "drop_id", "product_id", "units")
DELETE_LOTS = Statement(delete(drop_lot_table).where(_lot.drop_id == _DROP))
ADD_LOG = insert_many(drop_log_table, "drop_id", "number", "at", "kind", "data", "hash")
FIND = Statement(_DROPS.where(_d.id == _ID))
# Followed by FIND: a statement that waited for the lock would show the lots as they were before.
LOCK = Statement(select(_d.id).where(_d.id == _ID).with_for_update())
# Whoever has the drop's lock may work on a part of very many entries; nobody else waits for that,
# but other writers of the drop. The client gives up after 10 s.
MORE_TIME = Statement(text("SET LOCAL statement_timeout = '9s'"))
# Also those of which an entry left that the log does not have, as a unit may come back after the
# end, and those that were cancelled and still have entries to end.
UNDER_WAY = Statement(
    select(_d.id)
    .where(_IS_UNDER_WAY)
    .union(
        select(_e.drop_id).where(_HAS_LEFT_UNTOLD),
        select(_d.id).where(_d.state == "CANCELLED", _d.ended_at.is_(None)),
    )
    .order_by("id")
)
OF_PRODUCTS = Statement(
    select(_lot.product_id, _d.id)
    .join_from(drop_lot_table, drop_table, _d.id == _lot.drop_id)
    .where(
        _lot.product_id == any_(bindparam("product_ids", type_=ARRAY(Uuid))),
        _IS_UNDER_WAY,
    )
)
# A publication locks its products' stock, and so does a sale: after that each sees the other.
NO_DROP = Statement(
    select(func.require(func.count() == 0, "sold_by_no_drop"))
    .select_from(drop_lot_table)
    .join(drop_table, _d.id == _lot.drop_id)
    .where(
        _lot.product_id == any_(bindparam("product_ids", type_=ARRAY(Uuid))),
        _IS_UNDER_WAY,
        _d.id.is_distinct_from(bindparam("but", type_=Uuid)),
    )
)
NEWEST = Statement(
    _DROPS.where(
        _d.id < bindparam("before", type_=Uuid),
        any_(bindparam("states", type_=ARRAY(Text))) == _STATE,
        or_(bindparam("with_drafts", type_=Boolean), _d.terms_hash.is_not(None)),
    )
    .order_by(_d.id.desc())
    .limit(_LIMIT)
)
SAVE = save_as_read(
    drop_table, "drop_as_read",
    "state", "entries_at", "draws_at", "offers_until", "claim_minutes", "accounts_before",
    "verified_only", "coupons_allowed", "terms", "terms_hash", "beacon_chain", "beacon_round",
    "sealed_at", "entries_count", "entries_root", "signature", "drawn_at", "ended_at",
    "log_number", "log_head",
)  # fmt: skip
SAVE_LOT = Statement(
    update(drop_lot_table)
    .where(_lot.drop_id == _DROP, _lot.product_id == bindparam("lot_id", type_=Uuid))
    .values(
        {name: bindparam(f"new_{name}", type_=BigInteger)
         for name in ("units", "returned", "numbered", "served")}
    )
)  # fmt: skip
LOG = Statement(
    select(drop_log_table)
    .where(_log.drop_id == _DROP, _log.number > bindparam("after", type_=BigInteger))
    .order_by(_log.number)
    .limit(_LIMIT)
)
COUNTS = Statement(
    select(_e.product_id, _STATUS, func.count().label("entries"))
    .select_from(_PLACED)
    .where(_e.drop_id == _DROP)
    .group_by(_e.product_id, _STATUS)
)
_IN_DROPS = _e.drop_id == any_(bindparam("drop_ids", type_=ARRAY(Uuid)))
_UNNUMBERED = (
    select(_e.drop_id, _e.product_id, func.count().label("entries"))
    .where(_IN_DROPS, _e.position.is_(None), _e.status == "JOINED")
    .group_by(_e.drop_id, _e.product_id)
)
UNNUMBERED = Statement(
    _UNNUMBERED.where(~exists().where(_place.entry_id == _e.id).correlate(drop_entry_table))
)
# Once the pool is drawn: of those who came late. Who waits in the pool is not looked at.
UNNUMBERED_LATE = Statement(
    _UNNUMBERED.join(drop_table, _d.id == _e.drop_id).where(
        ~_e.in_pool, _e.joined_at >= _d.draws_at
    )
)
HOLDING = Statement(
    select(_e.drop_id, _e.product_id, _e.status, func.count().label("entries"))
    .where(_IN_DROPS, _HOLDS)
    .group_by(_e.drop_id, _e.product_id, _e.status)
)
# The oldest change that awaits promote: who left untold, an offer that is over, while offers are
# made an entry without a position, and a cancellation whose entries have not all ended. Nothing of
# a published drop's is awaited before its seal.
PENDING_SINCE = Statement(
    select(
        func.least(
            select(func.min(_e.left_at)).where(_e.drop_id == _DROP, _HAS_LEFT_UNTOLD)
            .scalar_subquery(),
            select(func.min(_e.claim_until))
            .where(_e.drop_id == _DROP, _HOLDS, _e.status == "OFFERED", _e.claim_until <= _NOW)
            .scalar_subquery(),
            select(func.min(_e.joined_at))
            .where(
                _e.drop_id == _d.id, _e.position.is_(None), _e.status == "JOINED", ~_e.in_pool,
                _e.joined_at >= _d.draws_at, _d.state == "OFFERING",
                _d.offers_until - func.make_interval(0, 0, 0, 0, 0, _d.claim_minutes) > _NOW,
            )
            .correlate(drop_table).scalar_subquery(),
            select(func.max(_log.at))
            .where(
                _log.drop_id == _d.id, _log.kind == "CANCELLED",
                _d.state == "CANCELLED", _d.ended_at.is_(None),
            )
            .correlate(drop_table).scalar_subquery(),
        ).label("at")
    ).where(_d.id == _DROP)
)  # fmt: skip

# --- joining -------------------------------------------------------------------------------------

# Joins share this lock and the seal takes it alone: once the seal has it, every entry that was
# answered 201 is committed, and a later join reads a time after the draw's.
_LOCK_KEY = "hashtextextended(CAST(:drop_id AS text), 8)"
SHARE_ENTRIES = Statement(text(f"SELECT pg_advisory_xact_lock_shared({_LOCK_KEY})"))
FREEZE_ENTRIES = Statement(text(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"))
# Around FREEZE_ENTRIES, they give the lock back: after the draw's time, the seal only has to have
# had it, and no join waits for the work that follows.
BEGIN_FENCE = Statement(text("SAVEPOINT fence"))
END_FENCE = Statement(text("ROLLBACK TO SAVEPOINT fence"))

# The same person's second entry is the first one again; one that was withdrawn before the seal is
# joined anew. Whatever the terms refuse inserts no row, and the caller finds out why.
JOIN = Statement(
    text("""
    WITH now AS MATERIALIZED (SELECT clock_timestamp() AS at)
    INSERT INTO drop_entry AS entry
        (id, drop_id, product_id, user_id, person, status, joined_at, version)
    SELECT CAST(:id AS uuid), d.id, CAST(:product_id AS uuid), CAST(:user_id AS uuid),
        CAST(:person AS text), 'JOINED', now.at, 1
    FROM product_drop AS d, now
    WHERE d.id = CAST(:drop_id AS uuid) AND d.state IN ('PUBLISHED', 'SEALED', 'OFFERING')
        AND now.at >= d.entries_at AND (d.mode = 'SHUFFLE' OR now.at < d.draws_at)
        AND now.at < d.offers_until - make_interval(mins => d.claim_minutes)
    ON CONFLICT ON CONSTRAINT person_enters_once DO UPDATE
        SET status = 'JOINED', joined_at = excluded.joined_at, product_id = excluded.product_id,
            version = entry.version + 1
        WHERE entry.status = 'WITHDRAWN' AND entry.user_id = excluded.user_id
            AND NOT entry.in_pool AND entry.position IS NULL
            AND excluded.joined_at < (SELECT draws_at FROM product_drop WHERE id = entry.drop_id)
    RETURNING id
    """)
)
_ENTRY = [*(each for each in _e if each.name not in ("position", "status")), _POSITION, _STATUS]
_ENTRIES = select(*_ENTRY, _NOW.label("now")).select_from(_PLACED)
ENTRY_OF_PERSON = Statement(
    _ENTRIES.where(_e.drop_id == _DROP, _e.person == bindparam("person", type_=Text))
)
OF_ENTRY = Statement(
    _DROPS.where(
        _d.id
        == select(_e.drop_id).where(_e.id == bindparam("entry_id", type_=Uuid)).scalar_subquery()
    )
)
# Entries are locked first and read then: who waited for the lock sees a place that was given
# meanwhile.
_USER = bindparam("user_id", type_=Uuid)
_LOCKED = select(_e.id).order_by(_e.id).with_for_update()
_IS_OF_USER = and_(_e.drop_id == _DROP, _e.user_id == _USER)
_IS_OF_ORDER = _e.order_id == bindparam("order_id", type_=Uuid)
ENTRY_OF_USER = Statement(_ENTRIES.where(_IS_OF_USER))
LOCK_ENTRY_OF_USER = Statement(_LOCKED.where(_IS_OF_USER))
FIND_ENTRY = Statement(_ENTRIES.where(_e.id == _ID))
LOCK_ENTRY = Statement(_LOCKED.where(_e.id == _ID))
ENTRY_OF_ORDER = Statement(_ENTRIES.where(_IS_OF_ORDER))
LOCK_ENTRY_OF_ORDER = Statement(_LOCKED.where(_IS_OF_ORDER))
ALL_ENTRIES_OF_USER = Statement(_ENTRIES.where(_e.user_id == _USER).order_by(_e.id))
LOCK_ENTRIES_OF_USER = Statement(_LOCKED.where(_e.user_id == _USER))
# As `status_in` of the model says it: read with the drop of each.
_WAITS = text("drop_entry.status IN ('JOINED', 'WAITING')")
_SHOWN_STATUS = case(
    (and_(_d.state == "CANCELLED", _d.ended_at.is_(None), _WAITS), "VOID"), else_=_STATUS
).label("status")
ENTRIES_OF_USER = Statement(
    select(*(each for each in _ENTRY if each is not _STATUS), _SHOWN_STATUS, _NOW.label("now"))
    .select_from(_PLACED.join(drop_table, _d.id == _e.drop_id))
    .where(_e.user_id == _USER, _e.id < bindparam("before", type_=Uuid))
    .order_by(_e.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
# The person's hash goes, too: it was made from the address. The entry's own id stands for it.
FORGET_USER = Statement(
    update(drop_entry_table)
    .where(_e.user_id == bindparam("erased", type_=Uuid))
    .values(user_id=None, person=func.concat("erased ", _e.id))
)
SAVE_ENTRY = save_as_read(
    drop_entry_table, "entry_as_read", "status", "position", "claim_until", "order_id", "left_at"
)
# Those between the last one who was served and this position, less those who left the line. Who
# was withdrawn while they were drawn has a place alone, until the log has them.
AHEAD = Statement(
    text("""
    SELECT greatest(0, CAST(:position AS bigint) - 1 - lot.served - (
        SELECT count(*) FROM drop_entry AS gone
        WHERE gone.drop_id = lot.drop_id AND gone.product_id = lot.product_id
            AND gone.status IN ('WITHDRAWN', 'VOID') AND gone.position IS NOT NULL
            AND gone.position > lot.served AND gone.position < CAST(:position AS bigint)
    ) - (
        SELECT count(*) FROM drop_entry AS gone JOIN drop_place AS place
            ON place.entry_id = gone.id AND gone.position IS NULL
        WHERE gone.drop_id = lot.drop_id AND gone.product_id = lot.product_id
            AND gone.left_at IS NOT NULL AND NOT gone.is_leaving_logged
            AND place.position > lot.served AND place.position < CAST(:position AS bigint)
    )) AS ahead
    FROM drop_lot AS lot
    WHERE lot.drop_id = CAST(:drop_id AS uuid) AND lot.product_id = CAST(:product_id AS uuid)
    """)
)
# The offer is used by the row that holds it, while it is valid: the order's transaction checks it
# when it writes. The guard's rule is `offer_valid`.
USE_OFFER = Statement(
    text("""
    WITH used AS (
        UPDATE drop_entry
        SET status = CAST(:status AS text), order_id = CAST(:order_id AS uuid),
            version = version + 1
        WHERE id = CAST(:id AS uuid) AND user_id = CAST(:user_id AS uuid) AND status = 'OFFERED'
            AND claim_until > clock_timestamp()
        RETURNING id
    )
    SELECT require((SELECT count(*) FROM used) = 1, 'offer_valid')
    """)
)

# --- seal and draw -------------------------------------------------------------------------------

# A part of the pool: the first that are not marked, of those who joined at `joined_from` or later.
# Entries that are withdrawn at this moment are looked at, but not marked.
MARK_POOL = Statement(
    text("""
    WITH due AS MATERIALIZED (
        SELECT entry.id, entry.joined_at
        FROM drop_entry AS entry JOIN product_drop AS d ON d.id = entry.drop_id
        WHERE d.id = CAST(:drop_id AS uuid) AND entry.status = 'JOINED' AND NOT entry.in_pool
            AND entry.position IS NULL AND entry.joined_at < d.draws_at
            AND entry.joined_at >= coalesce(CAST(:joined_from AS timestamptz), '-infinity')
        ORDER BY entry.joined_at LIMIT CAST(:limit AS bigint)
    ), marked AS (
        UPDATE drop_entry AS entry SET in_pool = true
        FROM due WHERE entry.id = due.id AND entry.status = 'JOINED'
    )
    SELECT count(*) AS entries, max(joined_at) AS joined_until FROM due
    """)
)
# A part of the pool's sorted ids as text, to be hashed part by part. The product's id of each entry
# follows in the second text.
POOL_PART = Statement(
    text("""
    SELECT string_agg(CAST(id AS text), E'\\n' ORDER BY id) AS ids,
        string_agg(id || ' ' || product_id, E'\\n' ORDER BY id) AS lots,
        count(*) AS entries
    FROM (
        SELECT id, product_id FROM drop_entry
        WHERE drop_id = CAST(:drop_id AS uuid) AND in_pool AND id > CAST(:after AS uuid)
        ORDER BY id LIMIT CAST(:limit AS bigint)
    ) AS part
    """)
)
POOL_SIZES = Statement(
    select(_e.product_id, func.count().label("entries"))
    .where(_e.drop_id == _DROP, _e.in_pool)
    .group_by(_e.product_id)
)
# Places of the pool: each lot's entries in the order of the SHA-256 of the seed and the id. A part
# is the first in this order that have none, so each lot goes on where it ended before. No entry is
# locked or written: one that is withdrawn meanwhile has its place, too.
NUMBER_POOL = Statement(
    text("""
    WITH part AS MATERIALIZED (
        SELECT id, product_id, hash FROM (
            SELECT id, product_id,
                sha256(convert_to(CAST(:seed AS text) || E'\\n' || id, 'UTF8')) AS hash
            FROM drop_entry AS entry
            WHERE drop_id = CAST(:drop_id AS uuid) AND in_pool AND position IS NULL
                AND NOT EXISTS (SELECT FROM drop_place WHERE entry_id = entry.id)
            OFFSET 0  -- each hash is computed once
        ) AS unnumbered
        ORDER BY hash, id LIMIT CAST(:limit AS bigint)
    ), placed AS (
        INSERT INTO drop_place (drop_id, product_id, position, entry_id)
        SELECT lot.drop_id, lot.product_id, lot.numbered + row_number() OVER (
            PARTITION BY lot.product_id ORDER BY part.hash, part.id) AS position, part.id
        FROM part JOIN drop_lot AS lot
            ON lot.drop_id = CAST(:drop_id AS uuid) AND lot.product_id = part.product_id
        RETURNING product_id
    )
    SELECT product_id, count(*) AS entries FROM placed GROUP BY product_id
    """)
)
# Then come the others, in the order of their joining. They are locked first, so that one that is
# withdrawn meanwhile leaves no gap.
NUMBER_LATE = Statement(
    text("""
    WITH due AS MATERIALIZED (
        SELECT id, product_id, joined_at FROM drop_entry
        WHERE drop_id = CAST(:drop_id AS uuid) AND position IS NULL AND status = 'JOINED'
            AND NOT in_pool AND joined_at >= CAST(:draws_at AS timestamptz)
        ORDER BY id LIMIT CAST(:limit AS bigint) FOR UPDATE
    ), numbered AS (
        SELECT due.id, lot.numbered + row_number() OVER (
            PARTITION BY due.product_id ORDER BY due.joined_at, due.id) AS number
        FROM due JOIN drop_lot AS lot
            ON lot.drop_id = CAST(:drop_id AS uuid) AND lot.product_id = due.product_id
    ), placed AS (
        UPDATE drop_entry AS entry
        SET position = numbered.number, status = 'WAITING', version = entry.version + 1
        FROM numbered WHERE entry.id = numbered.id
        RETURNING entry.id, entry.product_id, entry.position
    )
    SELECT product_id, array_agg(id ORDER BY position) AS ids, max(position) AS numbered
    FROM placed GROUP BY product_id
    """)
)

# --- offers --------------------------------------------------------------------------------------

LAPSE = Statement(
    text("""
    WITH due AS MATERIALIZED (
        SELECT id FROM drop_entry
        WHERE drop_id = CAST(:drop_id AS uuid) AND status = 'OFFERED'
            AND claim_until <= clock_timestamp()
        ORDER BY id LIMIT CAST(:limit AS bigint) FOR UPDATE
    )
    UPDATE drop_entry AS entry
    SET status = 'LAPSED', left_at = entry.claim_until, version = entry.version + 1
    FROM due WHERE entry.id = due.id
    RETURNING entry.id, entry.product_id, entry.version
    """)
)
# Entries that left since the last look, of which the log has to tell. One that was withdrawn while
# it was drawn has its position from now on.
LOG_LEFT = Statement(
    text("""
    WITH due AS MATERIALIZED (
        SELECT id FROM drop_entry
        WHERE drop_id = CAST(:drop_id AS uuid) AND left_at IS NOT NULL
            AND NOT is_leaving_logged
        ORDER BY id LIMIT CAST(:limit AS bigint) FOR UPDATE
    ), told AS (
        UPDATE drop_entry AS entry
        SET is_leaving_logged = true, position = coalesce(entry.position, (
            SELECT place.position FROM drop_place AS place WHERE place.entry_id = due.id))
        FROM due WHERE entry.id = due.id
        RETURNING entry.product_id, entry.id, entry.status, entry.position,
            entry.claim_until IS NOT NULL AS had_offer
    )
    SELECT product_id, status, had_offer, array_agg(id ORDER BY position, id) AS ids
    FROM told GROUP BY product_id, status, had_offer ORDER BY status, product_id, had_offer
    """)
)
# The first in line, of those whom the draw placed and those who have a position of their own. An
# entry that is withdrawn meanwhile is not offered a unit; the next try offers it to the next.
OFFER = Statement(
    text("""
    WITH line AS (
        (SELECT entry.id, place.position
        FROM drop_place AS place JOIN drop_entry AS entry ON entry.id = place.entry_id
        WHERE place.drop_id = CAST(:drop_id AS uuid)
            AND place.product_id = CAST(:product_id AS uuid)
            AND place.position > CAST(:served AS bigint) AND entry.status = 'JOINED'
        ORDER BY place.position LIMIT CAST(:limit AS bigint))
        UNION ALL
        (SELECT id, position FROM drop_entry
        WHERE drop_id = CAST(:drop_id AS uuid) AND product_id = CAST(:product_id AS uuid)
            AND status = 'WAITING'
        ORDER BY position LIMIT CAST(:limit AS bigint))
    ), next AS MATERIALIZED (
        SELECT id, position FROM line ORDER BY position LIMIT CAST(:limit AS bigint)
    ), due AS MATERIALIZED (
        SELECT entry.id, next.position FROM drop_entry AS entry JOIN next ON next.id = entry.id
        WHERE entry.status IN ('JOINED', 'WAITING')
        ORDER BY next.position FOR UPDATE OF entry
    )
    UPDATE drop_entry AS entry
    SET status = 'OFFERED', version = entry.version + 1, position = due.position,
        claim_until = clock_timestamp() + make_interval(mins => CAST(:claim_minutes AS integer))
    FROM due WHERE entry.id = due.id
    RETURNING entry.id, entry.user_id, entry.position, entry.claim_until, entry.version
    """)
)
# Whoever uses or releases a unit waits for this, and then sees that the drop is cancelled.
LOCK_HOLDERS = Statement(
    select(_e.id)
    .where(_e.drop_id == _DROP, text("status IN ('OFFERED', 'ORDERED')"))
    .order_by(_e.id)
    .with_for_update()
)
# All of them, as their units go back to the stock at once. LOCK_HOLDERS has locked them.
VOID_OFFERS = Statement(
    update(drop_entry_table)
    .where(_e.drop_id == _DROP, _HOLDS, _e.status == "OFFERED")
    .values(status="VOID", version=_e.version + 1)
    .returning(_e.id)
)
# A part of those without an order, who are locked by id as everywhere.
VOID = Statement(
    text("""
    WITH part AS MATERIALIZED (
        SELECT id FROM drop_entry
        WHERE drop_id = CAST(:drop_id AS uuid) AND status IN ('JOINED', 'WAITING', 'OFFERED')
        LIMIT CAST(:limit AS bigint)
    ), due AS MATERIALIZED (
        SELECT entry.id FROM drop_entry AS entry JOIN part ON part.id = entry.id
        WHERE entry.status IN ('JOINED', 'WAITING', 'OFFERED')
        ORDER BY entry.id FOR UPDATE OF entry
    ), voided AS (
        UPDATE drop_entry AS entry SET status = 'VOID', version = entry.version + 1
        FROM due WHERE entry.id = due.id
    )
    SELECT count(*) AS entries FROM part
    """)
)

# --- refusals ------------------------------------------------------------------------------------

_r = drop_refusal_table.c
# One whose drop ends at this moment may be stored and is not counted; the record of the end stands.
REFUSE = Statement(
    text("""
    INSERT INTO drop_refusal (user_id, drop_id, reason)
    SELECT CAST(:user_id AS uuid), id, CAST(:reason AS text) FROM product_drop
    WHERE id = CAST(:drop_id AS uuid) AND state IN ('PUBLISHED', 'SEALED', 'OFFERING')
    ON CONFLICT DO NOTHING
    """)
)
REFUSALS = Statement(
    select(_r.reason, func.count().label("accounts"))
    .where(_r.drop_id == _DROP)
    .group_by(_r.reason)
    .order_by(_r.reason)
)
FORGET_REFUSALS = Statement(
    delete(drop_refusal_table).where(_r.user_id == bindparam("erased", type_=Uuid))
)
# A part of those of drops that ended before a moment.
DELETE_REFUSALS = Statement(
    text("""
    DELETE FROM drop_refusal WHERE (user_id, drop_id, reason) IN (
        SELECT refusal.user_id, refusal.drop_id, refusal.reason
        FROM product_drop AS d JOIN drop_refusal AS refusal ON refusal.drop_id = d.id
        WHERE d.ended_at < CAST(:before AS timestamptz)
        ORDER BY refusal.drop_id, refusal.reason, refusal.user_id
        LIMIT CAST(:limit AS bigint) FOR UPDATE OF refusal SKIP LOCKED
    )
    RETURNING drop_id
    """)
)
ENDED = Statement(
    select(_log.data).where(_log.drop_id == _DROP, text("kind IN ('CLOSED', 'CANCELLED')"))
)

# --- what anybody may see ------------------------------------------------------------------------

# A place is looked up for each entry of the page: a join by merging reads all places before it.
_PLACE = (
    select(_place.position)
    .where(_place.entry_id == _e.id)
    .correlate(drop_entry_table)
    .scalar_subquery()
)
POOL = Statement(
    select(_e.id, _e.product_id, func.coalesce(_e.position, _PLACE).label("position"))
    .where(_e.drop_id == _DROP, _e.in_pool, _e.id > bindparam("after", type_=Uuid))
    .order_by(_e.id)
    .limit(_LIMIT)
)
FREE_TIMES = Statement(
    text("""
    WITH freed AS (
        SELECT product_id, left_at, row_number() OVER (
            PARTITION BY product_id ORDER BY left_at, id) AS number
        FROM drop_entry
        WHERE drop_id = CAST(:drop_id AS uuid) AND left_at IS NOT NULL AND claim_until IS NOT NULL
    ), heirs AS (
        SELECT entry.product_id, claim_until - make_interval(mins => d.claim_minutes) AS offered_at,
            row_number() OVER (
                PARTITION BY entry.product_id ORDER BY entry.position) - lot.units AS number
        FROM drop_entry AS entry
        JOIN product_drop AS d ON d.id = entry.drop_id
        JOIN drop_lot AS lot ON lot.drop_id = d.id AND lot.product_id = entry.product_id
        WHERE entry.drop_id = CAST(:drop_id AS uuid) AND claim_until IS NOT NULL
    )
    SELECT CAST(extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY waited))
            AS double precision) AS p50,
        CAST(extract(epoch FROM percentile_cont(0.99) WITHIN GROUP (ORDER BY waited))
            AS double precision) AS p99,
        CAST(extract(epoch FROM max(waited)) AS double precision) AS longest
    FROM (SELECT greatest(heirs.offered_at - freed.left_at, interval '0') AS waited
        FROM freed JOIN heirs USING (product_id, number)) AS each
    """)
)
