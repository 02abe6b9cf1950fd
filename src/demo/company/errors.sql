-- Errors seen in production.
create table error (
  id text primary key, title text not null, flow text not null, release text not null, first_seen text not null, users integer not null,
  rate real not null, usual_rate real not null, suspect text, suspect_request integer, suspect_url text, url text not null
);
insert into error values
  ('API-21C', 'SearchIndexStale', 'Search', 'api 2.8.0', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-11 days'), 14, 0.002, 0.002, null, null, null, 'https://errors.acme.example/issues/API-21C');
