-- The books. Amounts in EUR.
create table invoice (number text primary key, customer text not null, domain text not null, amount real not null, due_date text not null, paid integer not null default 0, url text not null);
create table bill (number text primary key, supplier text not null, amount real not null, billed_on text not null, due_date text not null, approved integer not null default 0, url text not null);
create table booking (reference text primary key, amount real not null, booked_on text not null);
create table cash (day text primary key, balance real not null, expected_in real not null, committed_out real not null, monthly_burn real not null, url text not null);
create table revenue (customer text not null, domain text not null, last_12_months real not null, url text not null);
insert into invoice values
  ('INV-2088', 'Hartmann Logistics', 'hartmann-logistics.example', 105000.00, date('{today}', '-52 days'), 0, 'https://ledger.acme.example/invoices/INV-2088'),
  ('INV-2101', 'Bellevue Hotels', 'bellevue-hotels.example', 8000.00, date('{today}', '-21 days'), 0, 'https://ledger.acme.example/invoices/INV-2101'),
  ('INV-2110', 'Castell Foods', 'castell-foods.example', 5333.50, date('{today}', '-3 days'), 0, 'https://ledger.acme.example/invoices/INV-2110'),
  ('INV-2075', 'Nordkap Energi', 'nordkap-energi.example', 45000.00, date('{today}', '-60 days'), 1, 'https://ledger.acme.example/invoices/INV-2075');
insert into bill values
  ('R-7781', 'Kolo Datacenter', 18450.00, date('{today}', '-12 days'), date('{today}', '+2 days'), 0, 'https://ledger.acme.example/bills/R-7781'),
  ('B-330', 'Papier Meier', 214.20, date('{today}', '-8 days'), date('{today}', '+20 days'), 1, 'https://ledger.acme.example/bills/B-330');
insert into booking values ('po_76', 51004.10, date('{today}', '-13 days'));
insert into cash values ('{today}', 640000, 180000, 690000, 118000, 'https://ledger.acme.example/cash');
insert into revenue values
  ('Hartmann Logistics', 'hartmann-logistics.example', 420000, 'https://ledger.acme.example/customers/hartmann-logistics'),
  ('Nordkap Energi', 'nordkap-energi.example', 180000, 'https://ledger.acme.example/customers/nordkap-energi'),
  ('Bellevue Hotels', 'bellevue-hotels.example', 96000, 'https://ledger.acme.example/customers/bellevue-hotels'),
  ('Castell Foods', 'castell-foods.example', 64000, 'https://ledger.acme.example/customers/castell-foods'),
  ('Others', 'others.example', 610000, 'https://ledger.acme.example/customers');
