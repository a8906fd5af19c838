using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class NameMapTests
{
    [Theory]
    [InlineData("orders", "orders-old")]
    [InlineData("prod-a", "test-a")]
    [InlineData("prod-", "test-")]
    [InlineData("prod-eu-7", "eu.7")]
    [InlineData("other", "other")]
    [InlineData("x.y.z", "z.y.x")]
    [InlineData("PROD-b", "test-b")]
    [InlineData("literal*", "star")]
    public void Names_are_mapped_by_the_narrowest_rule(string name, string expected) => Assert.Equal(expected, Map(
        ("orders", "orders-old"), ("prod-*", "test-*"), ("prod-eu-*", "eu.*"), ("x.y.*", "*.y.x"), ("literal`*", "star")).Map(name));

    [Fact]
    public void Each_star_stands_for_what_the_star_at_its_place_stood_for()
    {
        NameMap map = Map(("*.orders.*", "*-*"));

        Assert.Equal("eu-new", map.Map("eu.orders.new"));
        Assert.Equal("a.b-c.orders.d", map.Map("a.b.orders.c.orders.d"));
    }

    [Fact]
    public void Two_names_can_be_swapped()
    {
        NameMap map = Map(("a", "b"), ("b", "a"));

        Assert.Equal(("b", "a"), (map.Map("a"), map.Map("b")));
    }

    [Fact]
    public void Patterns_that_fit_equally_well_and_disagree_are_refused() =>
        Assert.Throws<ArgumentException>(() => Map(("a*", "x*"), ("*a", "y*")).Map("aa"));

    [Theory]
    [InlineData("", "x")]
    [InlineData("x", "")]
    [InlineData("x", "y*")]
    [InlineData("*", "**")]
    public void What_makes_no_map_is_refused(string old, string replacement) => Assert.Throws<ArgumentException>(() => Map((old, replacement)));

    [Fact]
    public void A_name_that_would_be_too_long_is_refused() => Assert.Throws<ArgumentException>(() => Map(("x", new string('ü', 128))));

    private static NameMap Map(params (string Old, string New)[] names) => NameMap.Create(names.Select(pair => KeyValuePair.Create(pair.Old, pair.New)), "QueueMap");
}
