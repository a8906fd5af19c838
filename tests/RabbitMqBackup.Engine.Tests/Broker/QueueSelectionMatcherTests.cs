using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class QueueSelectionMatcherTests
{
    [Fact]
    public void Without_conditions_every_queue_is_taken() => Assert.True(new QueueSelectionMatcher(new()).Matches(Queue("a")));

    [Fact]
    public void Names_exclusions_types_and_depth_all_have_to_agree()
    {
        QueueSelection selection = new() { Names = ["a*"], ExcludedNames = ["*2"], Types = ["quorum"], MinimumDepth = 5, VirtualHosts = ["prod*"] };
        QueueInfo queue = Queue("a1") with { VirtualHost = "Production", Type = "quorum", Messages = 5 };

        Assert.True(Matches(selection, queue));
        Assert.False(Matches(selection, queue with { Name = "b1" }));
        Assert.False(Matches(selection, queue with { Name = "a2" }));
        Assert.False(Matches(selection, queue with { Type = "classic" }));
        Assert.False(Matches(selection, queue with { Messages = 4 }));
        Assert.False(Matches(selection, queue with { VirtualHost = "test" }));
    }

    [Fact]
    public void Exactly_named_queues_are_told_apart_by_virtual_host_and_case()
    {
        QueueSelectionMatcher matcher = new(new() { Exactly = [new("/", "a"), new("x", "b")] });

        Assert.True(matcher.Matches(Queue("a")));
        Assert.False(matcher.Matches(Queue("A")));
        Assert.False(matcher.Matches(Queue("a") with { VirtualHost = "x" }));
        Assert.Equal(["x/b"], matcher.Missing);
    }

    [Fact]
    public void A_name_without_wildcards_that_was_not_there_is_missing_and_a_pattern_is_not()
    {
        QueueSelectionMatcher matcher = new(new() { Names = ["orders", "gone", "none*"] });

        Assert.True(matcher.Matches(Queue("Orders")));

        Assert.Equal(["gone"], matcher.Missing);
    }

    [Fact]
    public void A_named_queue_that_another_condition_leaves_out_is_not_missing()
    {
        QueueSelectionMatcher matcher = new(new() { Names = ["orders"], MinimumDepth = 10 });

        Assert.False(matcher.Matches(Queue("orders")));

        Assert.Empty(matcher.Missing);
    }

    [Fact]
    public void A_named_queue_in_another_virtual_host_is_missing()
    {
        QueueSelectionMatcher matcher = new(new() { Names = ["orders"], VirtualHosts = ["prod"] });

        Assert.False(matcher.Matches(Queue("orders")));

        Assert.Equal(["orders"], matcher.Missing);
    }

    [Fact]
    public void An_unknown_type_is_the_callers_mistake()
    {
        ArgumentException exception = Assert.Throws<ArgumentException>(() => new QueueSelectionMatcher(new() { Types = ["lazy"] }));

        Assert.Contains("'lazy'", exception.Message);
    }

    private static bool Matches(QueueSelection selection, QueueInfo queue) => new QueueSelectionMatcher(selection).Matches(queue);

    private static QueueInfo Queue(string name) => new() { Name = name, VirtualHost = "/", Type = "classic" };
}
