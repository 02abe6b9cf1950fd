-- A bill came in, and less is expected in.
insert into bill values
  ('R-7799', 'Kolo Datacenter', 18500.00, date('{today}', '-5 days'), date('{today}', '+9 days'), 0, 'https://ledger.acme.example/bills/R-7799');
update cash set expected_in = 160000;
