-- Support tickets.
create table ticket (id integer primary key, requester text not null, subject text not null, priority text not null, status text not null, opened_at text not null, due_at text, assignee text, url text not null);
insert into ticket values
  (8812, 'maria@gmail.com', 'How do I change my password', 'normal', 'open', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-3 days'), null, 'Eva Lang', 'https://support.acme.example/tickets/8812');
