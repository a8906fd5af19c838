using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class QueueDeclarationTests
{
    [Theory]
    [InlineData("quorum", "3.10.8", "quorum")]
    [InlineData("stream", "4.0.5", "stream")]
    [InlineData("classic", "4.0.5", "classic")]
    [InlineData("classic", "3.10.8", null)]
    [InlineData("classic", null, null)]
    public void The_queue_type_stands_in_the_arguments_where_the_broker_needs_it(string type, string? version, string? expected) =>
        Assert.Equal(expected, Declaration(type).ToArguments(version is null ? null : Version.Parse(version)).GetValueOrDefault("x-queue-type"));

    [Fact]
    public void A_type_that_the_arguments_have_is_kept() =>
        Assert.Equal("classic", (Declaration("classic") with { Arguments = new Dictionary<string, object?> { ["x-queue-type"] = "classic" } }).ToArguments(new(3, 10))["x-queue-type"]);

    [Fact]
    public void Lists_and_tables_get_types_that_the_client_can_write()
    {
        QueueDeclaration declaration = Declaration("classic") with
        {
            Arguments = new Dictionary<string, object?>
            {
                ["list"] = (IReadOnlyList<object?>)[1L, "a"],
                ["table"] = new Dictionary<string, object?> { ["n"] = 5L, ["text"] = "t", ["none"] = null },
            },
        };

        Dictionary<string, object?> arguments = declaration.ToArguments(null);

        Assert.Equal([1L, "a"], Assert.IsType<List<object?>>(arguments["list"]));
        Assert.Equal(5L, Assert.IsType<Dictionary<string, object?>>(arguments["table"])["n"]);
    }

    private static QueueDeclaration Declaration(string type) => new() { Queue = new("/", "q"), Type = type };
}
