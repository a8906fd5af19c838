using RabbitMqBackup.TestHost;

// A broker for whoever is not a .NET test (Pester, a person): prints where it is, as RABBITMQ_TEST_* variables, and lives until its standard input ends.
// Usage: dotnet run --project tests/RabbitMqBackup.TestHost [-- 3.10 | 4.0 | 4.3]
try
{
    TestBroker broker = await TestBroker.GetAsync(args.FirstOrDefault());
    Console.Error.WriteLine($"RabbitMQ {broker.Version} from {broker.Origin}; it ends with this program's standard input (Ctrl+D).");
    Console.WriteLine($"RABBITMQ_TEST_HOST={broker.Host}");
    Console.WriteLine($"RABBITMQ_TEST_AMQP_PORT={broker.AmqpPort}");
    Console.WriteLine($"RABBITMQ_TEST_MANAGEMENT_PORT={broker.ManagementPort}");
    Console.WriteLine($"RABBITMQ_TEST_STREAM_PORT={broker.StreamPort}");
    Console.WriteLine($"RABBITMQ_TEST_USER={broker.User}");
    Console.WriteLine($"RABBITMQ_TEST_PASSWORD={broker.Password}");
    Console.WriteLine("ready");
    await Console.In.ReadToEndAsync();
    return 0;
}
catch (Exception e) when (e is TestServerUnavailableException or ArgumentException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
