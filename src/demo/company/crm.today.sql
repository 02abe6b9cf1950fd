-- One deal got smaller and later, another has a date again.
update opportunity set amount = 130000, times_pushed = 2 where id = 'O-502';
update opportunity set close_date = date('{today}', '+10 days') where id = 'O-488';
