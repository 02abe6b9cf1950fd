-- Customers and opportunities. Amounts in EUR.
create table account (
  id text primary key, name text not null, domain text not null, owner text not null, yearly_value integer not null, renewal_date text,
  renewal_opened integer not null default 0, url text not null
);
create table opportunity (
  id text primary key, account text not null references account, name text not null, owner text not null, amount integer not null, stage text not null,
  stage_since text not null, close_date text not null, forecast text not null, last_activity text not null, next_meeting text, times_pushed integer not null default 0,
  contacts integer not null default 1, promised_feature text, closed integer not null default 0, url text not null
);
create table target (quarter text primary key, starts text not null, ends text not null, amount integer not null, url text not null);
insert into account values
  ('A-100', 'Hartmann Logistics', 'hartmann-logistics.example', 'Nina Roth', 420000, date('{today}', '+38 days'), 0, 'https://crm.acme.example/accounts/A-100'),
  ('A-101', 'Bellevue Hotels', 'bellevue-hotels.example', 'Paul Egger', 96000, date('{today}', '+24 days'), 0, 'https://crm.acme.example/accounts/A-101'),
  ('A-102', 'Nordkap Energi', 'nordkap-energi.example', 'Nina Roth', 180000, date('{today}', '+160 days'), 0, 'https://crm.acme.example/accounts/A-102'),
  ('A-103', 'Castell Foods', 'castell-foods.example', 'Ravi Menon', 64000, date('{today}', '+210 days'), 0, 'https://crm.acme.example/accounts/A-103'),
  ('A-104', 'Ostwind Transport', 'ostwind-transport.example', 'Ravi Menon', 0, null, 0, 'https://crm.acme.example/accounts/A-104');
insert into opportunity values
  ('O-501', 'A-102', 'Nordkap expansion', 'Nina Roth', 240000, 'Contract', date('{today}', '-31 days'), date('{today}', '-6 days'), 'commit', date('{today}', '-6 days'), null, 1, 3, null, 0, 'https://crm.acme.example/opportunities/O-501'),
  ('O-502', 'A-104', 'Ostwind rollout', 'Ravi Menon', 160000, 'Negotiation', date('{today}', '-19 days'), date('{today}', '+12 days'), 'commit', date('{today}', '-17 days'), null, 1, 1, null, 0, 'https://crm.acme.example/opportunities/O-502'),
  ('O-503', 'A-100', 'Hartmann SSO package', 'Nina Roth', 150000, 'Contract', date('{today}', '-8 days'), date('{today}', '+18 days'), 'commit', date('{today}', '-2 days'), date('{today}', '+2 days'), 0, 4, 'SSO', 0, 'https://crm.acme.example/opportunities/O-503'),
  ('O-504', 'A-103', 'Castell second site', 'Ravi Menon', 48000, 'Proposal', date('{today}', '-12 days'), date('{today}', '+40 days'), 'best case', date('{today}', '-3 days'), date('{today}', '+6 days'), 0, 2, null, 0, 'https://crm.acme.example/opportunities/O-504'),
  ('O-488', 'A-103', 'Castell training', 'Ravi Menon', 20000, 'Contract', date('{today}', '-25 days'), date('{today}', '-7 days'), 'best case', date('{today}', '-4 days'), null, 0, 2, null, 0, 'https://crm.acme.example/opportunities/O-488'),
  ('O-490', 'A-101', 'Bellevue spa booking', 'Paul Egger', 310000, 'Won', date('{today}', '-20 days'), date('{today}', '-20 days'), 'closed', date('{today}', '-20 days'), null, 0, 2, null, 1, 'https://crm.acme.example/opportunities/O-490');
-- The calendar quarter that {today} is in.
insert into target
  select 'this quarter', starts, date(starts, '+3 months', '-1 day'), 1200000, 'https://crm.acme.example/forecast'
  from (select date('{today}', 'start of month', '-' || ((strftime('%m', '{today}') - 1) % 3) || ' months') as starts);
