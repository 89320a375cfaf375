"""The SQL statements of the shipping context."""

from sqlalchemy import DateTime, Uuid, bindparam, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert

from commerce.runtime.db.statement import Statement
from commerce.shipping.tables import shipment_notice_table, shipment_table

_s, _n = shipment_table.c, shipment_notice_table.c
_ORDER_ID = bindparam("order_id", type_=Uuid)
OPEN = Statement(insert(shipment_table).values(order_id=_ORDER_ID).on_conflict_do_nothing())
LOCK = Statement(
    select(_s.begun_at, _s.called_off_at, _s.sent_version, _s.under_way)
    .where(_s.order_id == _ORDER_ID)
    .with_for_update()
)
NOTICES = Statement(
    select(_n.kind, _n.delivered_at).where(_n.order_id == _ORDER_ID).order_by(_n.delivered_at)
)
SAVE = Statement(
    update(shipment_table)
    .where(_s.order_id == _ORDER_ID)
    .values(
        begun_at=bindparam("begun", type_=DateTime(timezone=True)),
        called_off_at=bindparam("called_off", type_=DateTime(timezone=True)),
        sent_version=bindparam("sent", type_=_s.sent_version.type),
        under_way=bindparam("notice", type_=_s.under_way.type),
    )
)
_new = insert(shipment_notice_table).values(
    {each.name: bindparam(each.name) for each in shipment_notice_table.columns}
)
ADD_NOTICE = Statement(  # of several UPDATEs the time of the last
    _new.on_conflict_do_update(
        index_elements=[_n.order_id, _n.kind],
        set_={"delivered_at": _new.excluded.delivered_at},
        where=_n.kind == literal_column("'UPDATE'"),
    )
)
