insert into ticket values
  (8841, 'ops@hartmann-logistics.example', 'Drivers cannot sign in', 'urgent', 'open', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-20 hours'), strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '+2 hours'), null, 'https://support.acme.example/tickets/8841'),
  (8846, 'it@eu.hartmann-logistics.example', 'Checkout declines company cards', 'high', 'open', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-7 hours'), strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '+9 hours'), 'Eva Lang', 'https://support.acme.example/tickets/8846'),
  (8850, 'front@bellevue-hotels.example', 'Calendar shows the wrong room', 'urgent', 'open', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-5 hours'), strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '+4 hours'), 'Eva Lang', 'https://support.acme.example/tickets/8850');
