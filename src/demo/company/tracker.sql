-- The sample company's issue tracker on the morning before; what changed since then is in `tracker.today.sql`.
-- {now} is the instant of the demo in UTC, {today} its date.
create table release (name text primary key, release_date text not null, url text not null);
create table sprint (name text primary key, starts text not null, ends text not null, url text not null);
create table issue (
  key text primary key, summary text not null, status text not null, priority text not null, assignee text,
  due_date text, flagged integer not null default 0, blocks text, release text references release, is_blocker integer not null default 0,
  sprint text references sprint, points integer, url text not null, feature text
);
insert into release values
  ('4.12', date('{today}', '+2 days'), 'https://tracker.acme.example/releases/4.12'),
  ('4.13', date('{today}', '+23 days'), 'https://tracker.acme.example/releases/4.13');
insert into sprint values ('Sprint 23', date('{today}', '-9 days'), date('{today}', '+4 days'), 'https://tracker.acme.example/boards/12/sprints/23');
insert into issue (key, summary, status, priority, assignee, due_date, flagged, blocks, release, is_blocker, sprint, points, url, feature) values
  ('PAY-1182', 'Card retry must not charge twice', 'In review', 'Highest', 'Lena Fischer', date('{today}', '+1 days'), 0, 'PAY-1190, WEB-877', '4.12', 1, 'Sprint 23', 8, 'https://tracker.acme.example/browse/PAY-1182', 'card retry'),
  ('PAY-1190', 'Refunds over 1,000 need a second check', 'To do', 'High', 'Jonas Weber', date('{today}', '+2 days'), 0, null, '4.12', 1, 'Sprint 23', 5, 'https://tracker.acme.example/browse/PAY-1190', null),
  ('WEB-877', 'Checkout page shows the retry state', 'In progress', 'High', 'Amira Haddad', date('{today}', '+2 days'), 0, null, '4.12', 0, 'Sprint 23', 5, 'https://tracker.acme.example/browse/WEB-877', null),
  ('WEB-860', 'Cookie banner keeps the choice', 'Done', 'Medium', 'Amira Haddad', date('{today}', '-1 days'), 0, null, '4.12', 0, 'Sprint 23', 3, 'https://tracker.acme.example/browse/WEB-860', null),
  ('INT-311', 'SSO for Hartmann Logistics', 'Blocked', 'Highest', 'Tom Baumann', date('{today}', '-6 days'), 1, null, null, 0, 'Sprint 23', 13, 'https://tracker.acme.example/browse/INT-311', 'SSO'),
  ('INT-298', 'Export to the data warehouse', 'Blocked', 'Medium', 'Priya Nair', date('{today}', '-4 days'), 1, null, null, 0, 'Sprint 23', 8, 'https://tracker.acme.example/browse/INT-298', 'warehouse export'),
  ('API-540', 'Rate limits per customer', 'In progress', 'Medium', 'Priya Nair', date('{today}', '+3 days'), 0, null, null, 0, 'Sprint 23', 8, 'https://tracker.acme.example/browse/API-540', null),
  ('API-551', 'Pagination of the audit list', 'Done', 'Low', 'Jonas Weber', date('{today}', '-2 days'), 0, null, null, 0, 'Sprint 23', 3, 'https://tracker.acme.example/browse/API-551', null),
  ('OPS-204', 'Rotate the staging certificates', 'Done', 'Medium', 'Tom Baumann', date('{today}', '-3 days'), 0, null, null, 0, 'Sprint 23', 2, 'https://tracker.acme.example/browse/OPS-204', null),
  ('OPS-209', 'Alert on disk growth', 'Done', 'Medium', 'Tom Baumann', date('{today}', '-1 days'), 0, null, null, 0, 'Sprint 23', 6, 'https://tracker.acme.example/browse/OPS-209', null);
