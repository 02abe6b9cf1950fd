insert into error values
  ('WEB-3F1', 'CardRetryTimeout', 'Checkout', 'web 4.11.3', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-9 hours'), 212, 0.041, 0.003, '4f2c9e1', 2036, 'https://code.acme.example/web/-/merge_requests/2036', 'https://errors.acme.example/issues/WEB-3F1');
