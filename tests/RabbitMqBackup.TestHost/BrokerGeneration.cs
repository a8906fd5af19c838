namespace RabbitMqBackup.TestHost;

/// <summary>A generation of brokers that behave alike, and where to get one.</summary>
internal sealed class BrokerGeneration
{
    /// <summary>Newest first: the order in which a default broker is looked for.</summary>
    internal static readonly IReadOnlyList<BrokerGeneration> All =
    [
        new("4.3", "rabbitmq:4.3-management"),
        new("4.0", "rabbitmq:4.0-management"),
        // The last of the 3.x line: the images of 3.10 are no longer maintained. Debian bookworm's packages are 3.10.
        new("3.10", "rabbitmq:3.13-management"),
    ];

    private BrokerGeneration(string name, string image)
    {
        Name = name;
        Image = Environment.GetEnvironmentVariable("RABBITMQ_TEST_IMAGE" + TestBroker.EnvironmentSuffix(name)) is { Length: > 0 } other ? other : image;
    }

    /// <summary>As tests and <c>brokers.sh</c> name it.</summary>
    internal string Name { get; }

    /// <summary>Docker image of it, with the management plugin; <c>RABBITMQ_TEST_IMAGE_4_0</c> and the like name another one.</summary>
    internal string Image { get; }

    /// <summary>The generation of that name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    internal static BrokerGeneration Of(string name) =>
        All.FirstOrDefault(generation => generation.Name == name)
        ?? throw new ArgumentException($"'{name}' is no broker generation; there are {string.Join(", ", All.Select(generation => generation.Name))}.", nameof(name));
}
