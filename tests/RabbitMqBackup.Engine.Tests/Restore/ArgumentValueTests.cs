using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class ArgumentValueTests
{
    public static TheoryData<object?, object?> Equal => new()
    {
        { 10L, 10L },
        { 10L, 10.0 },
        { "lazy", "lazy" },
        { null, null },
        { true, true },
        { new object?[] { 1L, "a" }, new object?[] { 1.0, "a" } },
        { new Dictionary<string, object?> { ["a"] = 1L }, new Dictionary<string, object?> { ["a"] = 1L } },
    };

    public static TheoryData<object?, object?> Different => new()
    {
        { 10L, 11L },
        { 10L, "10" },
        { null, 0L },
        { true, "true" },
        { new object?[] { 1L }, new object?[] { 1L, 2L } },
        { new Dictionary<string, object?> { ["a"] = 1L }, new Dictionary<string, object?> { ["b"] = 1L } },
    };

    [Theory]
    [MemberData(nameof(Equal))]
    public void Values_that_the_broker_takes_for_equal_are_equal(object? left, object? right) => Assert.True(ArgumentValue.AreEqual(left, right));

    [Theory]
    [MemberData(nameof(Different))]
    public void Other_values_differ(object? left, object? right) => Assert.False(ArgumentValue.AreEqual(left, right));

    [Fact]
    public void A_missing_argument_is_shown_as_not_set() => Assert.Equal("not set", ArgumentValue.Display(null));

    [Fact]
    public void Numbers_are_shown_alike_in_every_culture() => Assert.Equal("1.5", ArgumentValue.Display(1.5));
}
