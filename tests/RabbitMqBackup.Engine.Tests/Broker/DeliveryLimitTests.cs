using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class DeliveryLimitTests
{
    [Theory]
    [InlineData("3.10.8", null, null, null)]
    [InlineData("3.10.8", 3L, null, 3L)]
    [InlineData("3.10.8", 7L, 3L, 3L)]
    [InlineData("4.0.5", null, null, 20L)]
    [InlineData("4.3.6", null, null, 20L)]
    [InlineData("4.0.5", 7L, 3L, 3L)]
    [InlineData("4.0.5", 2L, 9L, 2L)]
    [InlineData("4.0.5", null, -1L, null)]
    [InlineData("4.0.5", 5L, -1L, 5L)]
    [InlineData("4.0.5", null, 50L, 50L)]
    public void Where_the_broker_does_not_say_the_smaller_of_argument_and_policy_is_in_force(string version, long? argument, long? policy, long? expected) =>
        Assert.Equal(expected, DeliveryLimit.Of(Queue(argument, policy), Version.Parse(version)).Value);

    [Theory]
    [InlineData(8L, 8L)]
    [InlineData(-1L, null)]
    public void What_the_broker_says_comes_first(long told, long? expected) =>
        Assert.Equal(expected, DeliveryLimit.Of(Queue(3, 4) with { DeliveryLimit = told }, new Version(4, 0, 5)).Value);

    [Theory]
    [InlineData(5L, true)]
    [InlineData(-1L, false)]
    [InlineData(null, false)]
    public void Only_a_limit_by_argument_is_beyond_a_policy(long? argument, bool expected) =>
        Assert.Equal(expected, DeliveryLimit.Of(Queue(argument, 9), new Version(4, 0, 5)).IsArgument);

    [Fact]
    public void A_classic_queue_has_none() => Assert.Null(DeliveryLimit.Of(Queue(3, 3) with { Type = "classic" }, new Version(4, 0)).Value);

    [Theory]
    [InlineData(20, 4)]
    [InlineData(3, 1)]
    [InlineData(1, 1)]
    public void The_reserve_is_a_fifth_and_at_least_one(long limit, long expected) => Assert.Equal(expected, DeliveryLimit.DefaultReserve(limit));

    private static QueueInfo Queue(long? argument, long? policy) => new()
    {
        Name = "q",
        VirtualHost = "/",
        Type = "quorum",
        Arguments = argument is null ? new() : new Dictionary<string, object?> { ["x-delivery-limit"] = argument },
        EffectivePolicy = policy is null ? new() : new Dictionary<string, object?> { ["delivery-limit"] = policy },
    };
}
