-- Leave and roles.
create table leave (person text not null, starts text not null, ends text not null, deputy text);
create table departure (person text not null, title text not null, last_day text not null, successor text);
insert into leave values
  ('Nina Roth', date('{today}', '-1 days'), date('{today}', '+1 days'), 'Paul Egger');
insert into departure values ('Eva Lang', 'Head of Customer Success', date('{today}', '+20 days'), null);
