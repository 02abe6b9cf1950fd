-- One incident ended, one came and went, one is open.
update incident set status = 'resolved', resolved_at = strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-10 hours') where number = 758;
insert into incident values
  (771, 'Checkout errors after the card retry change', 'P1', 'open', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-8 hours'), null, 'Lena Fischer', 'checkout', 'hartmann-logistics.example', 0, 'https://oncall.acme.example/incidents/771'),
  (764, 'Slow search in the EU region', 'P2', 'resolved', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-20 hours'), strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-17 hours'), 'Tom Baumann', 'search', null, 0, 'https://oncall.acme.example/incidents/764');
