using System.Text.Json;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class EffectivePolicyTests
{
    private static readonly QueueName Orders = new("/", "orders");

    [Fact]
    public void The_highest_priority_that_matches_wins_alone()
    {
        EffectivePolicy policy = new([Rule("low", 1, "max-length", 5), Rule("high", 9, "expires", 7), Rule("other", 99, "expires", 1, pattern: "^x")], []);

        Assert.Equal("high", policy.UserPolicy(Orders, "classic")?.Name);
        Assert.Equal(["expires"], policy.For(Orders, "classic").Keys);
    }

    [Theory]
    [InlineData("max-length", 5, 9, 5)]
    [InlineData("max-length", 9, 5, 5)]
    [InlineData("delivery-limit", -1, 5, 5)]
    [InlineData("delivery-limit", 5, -1, 5)]
    public void Of_two_numbers_the_stricter_is_in_force(string key, long user, long @operator, long expected)
    {
        EffectivePolicy policy = new([Rule("u", 0, key, user)], [Rule("o", 0, key, @operator)]);

        Assert.Equal(expected, policy.For(Orders, "quorum")[key]);
    }

    [Fact]
    public void Keys_that_are_no_numbers_are_the_operators()
    {
        EffectivePolicy policy = new([Rule("u", 0, "overflow", "drop-head")], [Rule("o", 0, "overflow", "reject-publish")]);

        Assert.Equal("reject-publish", policy.For(Orders, "classic")["overflow"]);
    }

    [Theory]
    [InlineData("all", "classic", true)]
    [InlineData("queues", "stream", true)]
    [InlineData("exchanges", "classic", false)]
    [InlineData("classic_queues", "classic", true)]
    [InlineData("classic_queues", "quorum", false)]
    [InlineData("quorum_queues", "quorum", true)]
    [InlineData("streams", "stream", true)]
    [InlineData("streams", "quorum", false)]
    public void Apply_to_is_kept(string applyTo, string type, bool applies)
    {
        EffectivePolicy policy = new([Rule("u", 0, "max-length", 5) with { ApplyTo = applyTo }], []);

        Assert.Equal(applies, policy.For(Orders, type).Count > 0);
    }

    [Fact]
    public void Another_virtual_hosts_policy_does_not_apply() => Assert.Empty(new EffectivePolicy([Rule("u", 0, "max-length", 5)], []).For(new("x", "orders"), "classic"));

    [Fact]
    public void An_expression_that_NET_does_not_know_is_assumed_to_match() =>
        Assert.NotEmpty(new EffectivePolicy([Rule("u", 0, "max-length", 5, pattern: "(?|a|b")], []).For(Orders, "classic"));

    [Fact]
    public void What_the_broker_tells_decides_between_equal_priorities_and_about_expressions_that_NET_does_not_know()
    {
        QueueInfo queue = new() { VirtualHost = "/", Name = "orders", Type = "quorum", IsPolicyTold = true, Policy = "b" };
        EffectivePolicy policy = new([Rule("a", 1, "max-length", 5), Rule("b", 1, "expires", 7), Rule("odd", 9, "max-length", 1, pattern: "^x++$")], []);

        Assert.Equal("b", policy.UserPolicy(queue)?.Name);
        Assert.Equal("a", policy.UserPolicy(queue with { Policy = null })?.Name);
        Assert.Equal("odd", policy.UserPolicy(queue with { Policy = "odd" })?.Name);
        Assert.Equal("odd", policy.UserPolicy(queue with { IsPolicyTold = false })?.Name);
        Assert.Equal("new", new EffectivePolicy([Rule("b", 1, "expires", 7), Rule("new", 2, "expires", 8)], []).UserPolicy(queue)?.Name);
    }

    [Fact]
    public void As_in_the_broker_an_expression_meets_octets_and_not_characters() =>
        Assert.NotEmpty(new EffectivePolicy([Rule("u", 0, "max-length", 5, pattern: "^..$")], []).For(new("/", "ü"), "classic"));

    private static PolicyRule Rule(string name, int priority, string key, object value, string pattern = ".*") => PolicyRule.FromJson(JsonSerializer.SerializeToElement(new Dictionary<string, object>
    {
        ["vhost"] = "/",
        ["name"] = name,
        ["pattern"] = pattern,
        ["apply-to"] = "all",
        ["priority"] = priority,
        ["definition"] = new Dictionary<string, object> { [key] = value },
    }));
}
