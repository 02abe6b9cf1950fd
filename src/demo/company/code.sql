-- Merge requests, pipelines and dependency alerts.
create table merge_request (
  number integer primary key, project text not null, title text not null, author text not null, reviewer text, suggested text,
  opened_at text not null, reviewed_at text, merged_at text, target text not null, issue text, release text, url text not null
);
create table pipeline (
  id integer primary key, project text not null, branch text not null, status text not null, started_at text not null,
  commit_id text not null, author text not null, test text, url text not null
);
create table dependency_alert (
  id integer primary key, package text not null, service text not null, severity text not null, opened_at text not null, url text not null
);
insert into merge_request values
  (2041, 'payment-service', 'Idempotent card retry', 'Lena Fischer', null, 'Jonas Weber', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-76 hours'), null, null, 'release/4.12', 'PAY-1182', '4.12', 'https://code.acme.example/payment-service/-/merge_requests/2041'),
  (2036, 'web', 'Retry card payments once', 'Priya Nair', 'Lena Fischer', null, strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-4 days'), strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-3 days'), null, 'main', null, null, 'https://code.acme.example/web/-/merge_requests/2036'),
  (2029, 'api', 'Rate limits per customer', 'Priya Nair', null, 'Tom Baumann', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-8 days'), null, null, 'main', 'API-540', null, 'https://code.acme.example/api/-/merge_requests/2029');
insert into dependency_alert values
  (58, 'openssl', 'api', 'critical', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-15 days'), 'https://code.acme.example/api/-/security/58'),
  (61, 'libwebp', 'image-service', 'critical', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-12 days'), 'https://code.acme.example/image-service/-/security/61'),
  (64, 'left-pad', 'web', 'low', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-40 days'), 'https://code.acme.example/web/-/security/64');
