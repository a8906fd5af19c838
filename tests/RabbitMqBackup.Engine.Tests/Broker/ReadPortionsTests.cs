using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class ReadPortionsTests
{
    private static readonly QueueReadRequest Request = new() { Queue = new QueueName("/", "q") };

    [Fact]
    public void All_that_is_ready_is_wanted()
    {
        Assert.Equal(new ReadPortions(1000, 65_535, ReadStop.DepthReached), ReadPortions.For(Request, 1000));
        Assert.Equal(new ReadPortions(0, 65_535, ReadStop.DepthReached), ReadPortions.For(Request, 0));
    }

    [Fact]
    public void A_limit_below_the_depth_is_the_target()
    {
        Assert.Equal(new ReadPortions(10, 65_535, ReadStop.LimitReached), ReadPortions.For(Request with { MaxMessages = 10 }, 1000));
        Assert.Equal(ReadStop.DepthReached, ReadPortions.For(Request with { MaxMessages = 1000 }, 1000).Stop);
    }

    [Fact]
    public void Beyond_31_full_consumers_the_rest_is_not_reached()
    {
        const long Capacity = 31 * 65_535;
        Assert.Equal(new ReadPortions(Capacity, 65_535, ReadStop.DepthReached), ReadPortions.For(Request, Capacity));
        Assert.Equal(new ReadPortions(Capacity, 65_535, ReadStop.CapacityReached), ReadPortions.For(Request, Capacity + 1));
    }

    [Fact]
    public void A_low_prefetch_is_raised_so_that_the_depth_is_reached()
    {
        Assert.Equal(100, ReadPortions.For(Request with { Prefetch = 100 }, 3100).Prefetch);
        Assert.Equal(101, ReadPortions.For(Request with { Prefetch = 100 }, 3101).Prefetch);
        Assert.Equal(65_535, ReadPortions.For(Request with { Prefetch = 1 }, 10_000_000).Prefetch);
    }

    [Fact]
    public void Fetching_knows_no_capacity()
    {
        Assert.Equal(10_000_000, ReadPortions.For(Request with { Method = QueueReadMethod.Get }, 10_000_000).Target);
    }
}
