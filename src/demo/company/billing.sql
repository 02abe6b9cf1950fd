-- Card payments, disputes and payouts. Amounts in EUR.
create table charge (id text primary key, customer text not null, amount real not null, status text not null, reason text, created_at text not null, url text not null);
create table dispute (id text primary key, customer text not null, amount real not null, reason text not null, evidence_due text not null, evidence_sent integer not null default 0, url text not null);
create table payout (id text primary key, amount real not null, arrived_on text not null, url text not null);
create table cancellation (customer text not null, domain text not null, monthly_value real not null, why text not null, cancelled_on text not null);
insert into dispute values
  ('dp_296', 'Nordkap Energi', 6100.00, 'fraudulent', '{today}', 0, 'https://billing.acme.example/disputes/dp_296'),
  ('dp_302', 'Bellevue Hotels', 410.00, 'duplicate', date('{today}', '+16 days'), 0, 'https://billing.acme.example/disputes/dp_302');
insert into payout values
  ('po_77', 48211.40, date('{today}', '-7 days'), 'https://billing.acme.example/payouts/po_77'),
  ('po_76', 51004.10, date('{today}', '-14 days'), 'https://billing.acme.example/payouts/po_76');
