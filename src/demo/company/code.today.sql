-- A change was merged, the main branch broke with it, and the alert on openssl was fixed.
update merge_request set merged_at = strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-13 hours') where number = 2036;
insert into pipeline values
  (90311, 'payment-service', 'main', 'failed', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-13 hours'), '4f2c9e1', 'Priya Nair', 'retry_backoff', 'https://code.acme.example/payment-service/-/pipelines/90311'),
  (90318, 'payment-service', 'main', 'failed', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-7 hours'), '4f2c9e1', 'Priya Nair', 'retry_backoff', 'https://code.acme.example/payment-service/-/pipelines/90318'),
  (90322, 'payment-service', 'main', 'failed', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-2 hours'), '4f2c9e1', 'Priya Nair', 'retry_backoff', 'https://code.acme.example/payment-service/-/pipelines/90322'),
  (90320, 'web', 'main', 'success', strftime('%Y-%m-%dT%H:%M:%SZ', '{now}', '-3 hours'), '77ab010', 'Amira Haddad', null, 'https://code.acme.example/web/-/pipelines/90320');
delete from dependency_alert where id = 58;
