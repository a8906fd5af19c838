using System.Diagnostics;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class WildcardPatternTests
{
    [Theory]
    [InlineData("orders", "orders", true)]
    [InlineData("ORDERS", "orders", true)]
    [InlineData("orders", "orders2", false)]
    [InlineData("*", "", true)]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("o*s", "orders", true)]
    [InlineData("o*s", "orders.x", false)]
    [InlineData("*.eu.*", "orders.eu.new", true)]
    [InlineData("a*b*c", "aXbXbXc", true)]
    [InlineData("a*b*c", "aXbXbX", false)]
    [InlineData("?", "a", true)]
    [InlineData("?", "", false)]
    [InlineData("q[0-9]", "q7", true)]
    [InlineData("q[0-9]", "qx", false)]
    [InlineData("q[abc]", "qB", true)]
    [InlineData("q[A-Z]", "qb", true)]
    [InlineData("[]]", "]", true)]
    [InlineData("[a-]", "-", true)]
    [InlineData("`*", "*", true)]
    [InlineData("`*", "x", false)]
    [InlineData("`[a", "[a", true)]
    [InlineData("[`]]", "]", true)]
    [InlineData("a[b", "a[b", true)]
    [InlineData("a[b", "A[B", true)]
    [InlineData("a[b", "ab", false)]
    [InlineData("q[0-9]", "q[0-9]", true)]
    [InlineData("grüße*", "GRÜßE-1", true)]
    [InlineData("`", "`", true)]
    public void Matches_as_PowerShell_does_and_always_literally(string pattern, string name, bool expected) =>
        Assert.Equal(expected, new WildcardPattern(pattern).Matches(name));

    [Theory]
    [InlineData("orders", true)]
    [InlineData("a`*b", true)]
    [InlineData("a[b", true)]
    [InlineData("a*", false)]
    [InlineData("a?", false)]
    [InlineData("[ab]", false)]
    public void A_pattern_without_wildcards_is_literal(string pattern, bool expected) => Assert.Equal(expected, new WildcardPattern(pattern).IsLiteral);

    [Fact]
    public void Many_stars_do_not_take_exponential_time()
    {
        WildcardPattern pattern = new(string.Concat(Enumerable.Repeat("a*", 100)) + "b");
        Stopwatch time = Stopwatch.StartNew();

        Assert.False(pattern.Matches(new string('a', 10_000)));

        Assert.True(time.Elapsed < TimeSpan.FromSeconds(2), $"took {time.Elapsed}");
    }
}
