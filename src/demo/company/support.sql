-- Support tickets.
create table ticket (id integer primary key, requester text not null, subject text not null, priority text not null, status text not null, opened_at text not null, due_at text, assignee text, url text not null);
insert into ticket values
  (8841, 'ops@hartmann-logistics.example', 'Drivers cannot sign in', 'urgent', 'open', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-26 hours'), strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '+2 hours'), null, 'https://support.acme.example/tickets/8841'),
  (8846, 'it@eu.hartmann-logistics.example', 'Checkout declines company cards', 'high', 'open', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-7 hours'), strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '+9 hours'), 'Eva Lang', 'https://support.acme.example/tickets/8846'),
  (8850, 'front@bellevue-hotels.example', 'Calendar shows the wrong room', 'urgent', 'open', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-5 hours'), strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '+4 hours'), 'Eva Lang', 'https://support.acme.example/tickets/8850'),
  (8812, 'maria@gmail.com', 'How do I change my password', 'normal', 'open', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-3 days'), null, 'Eva Lang', 'https://support.acme.example/tickets/8812');
