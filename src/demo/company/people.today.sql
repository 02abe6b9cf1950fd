insert into leave values ('Tom Baumann', date('{today}', '+3 days'), date('{today}', '+10 days'), null, 'https://people.acme.example/leave/tom-baumann');
