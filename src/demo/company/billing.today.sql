-- Charges of the night, a new dispute, and the evidence of another was sent.
insert into charge values
  ('ch_9001', 'Bellevue Hotels', 8000.00, 'failed', 'card expired', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-15 hours'), 'https://billing.acme.example/charges/ch_9001'),
  ('ch_9002', 'Castell Foods', 640.00, 'failed', 'insufficient funds', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-10 hours'), 'https://billing.acme.example/charges/ch_9002'),
  ('ch_8990', 'Nordkap Energi', 15000.00, 'succeeded', null, strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-12 hours'), 'https://billing.acme.example/charges/ch_8990');
insert into dispute values
  ('dp_301', 'Castell Foods', 5333.50, 'service not received', date('{today}', '+2 days'), 0, 'https://billing.acme.example/disputes/dp_301');
update dispute set evidence_sent = 1 where id = 'dp_296';
