-- One more issue turned out to hold the release up.
update issue set is_blocker = 1 where key = 'WEB-877';
