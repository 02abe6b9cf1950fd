-- Shifts and incidents.
create table shift (service text not null, person text not null, day text not null, url text not null);
create table incident (
  number integer primary key, title text not null, urgency text not null, status text not null, opened_at text not null, resolved_at text,
  commander text not null, services text not null, customers text, postmortem integer not null default 0, url text not null
);
insert into shift values
  ('Search', 'Tom Baumann', date('{today}', '+4 days'), 'https://oncall.acme.example/schedules/search'),
  ('Payments', 'Lena Fischer', date('{today}', '+4 days'), 'https://oncall.acme.example/schedules/payments'),
  ('Search', 'Priya Nair', date('{today}', '+1 days'), 'https://oncall.acme.example/schedules/search');
insert into incident values
  (758, 'Invoices were sent twice', 'P1', 'open', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-80 hours'), null, 'Amira Haddad', 'invoicing', 'bellevue-hotels.example', 0, 'https://oncall.acme.example/incidents/758');
