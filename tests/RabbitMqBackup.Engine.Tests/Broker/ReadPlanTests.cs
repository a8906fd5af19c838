using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class ReadPlanTests
{
    private static readonly QueueReadRequest Request = new() { Queue = new QueueName("/", "q") };

    [Fact]
    public void All_that_is_ready_is_wanted()
    {
        Assert.Equal(new ReadPlan(1000, 65_535, ReadStop.DepthReached), ReadPlan.For(Request, 1000));
        Assert.Equal(new ReadPlan(0, 65_535, ReadStop.DepthReached), ReadPlan.For(Request, 0));
    }

    [Fact]
    public void A_limit_below_the_depth_is_the_target()
    {
        Assert.Equal(new ReadPlan(10, 65_535, ReadStop.LimitReached), ReadPlan.For(Request with { MaxMessages = 10 }, 1000));
        Assert.Equal(ReadStop.DepthReached, ReadPlan.For(Request with { MaxMessages = 1000 }, 1000).Stop);
    }

    [Fact]
    public void Beyond_31_full_consumers_the_rest_is_not_reached()
    {
        const long Capacity = 31 * 65_535;
        Assert.Equal(new ReadPlan(Capacity, 65_535, ReadStop.DepthReached), ReadPlan.For(Request, Capacity));
        Assert.Equal(new ReadPlan(Capacity, 65_535, ReadStop.CapacityReached), ReadPlan.For(Request, Capacity + 1));
    }

    [Fact]
    public void A_low_prefetch_is_raised_so_that_the_depth_is_reached()
    {
        Assert.Equal(100, ReadPlan.For(Request with { Prefetch = 100 }, 3100).Prefetch);
        Assert.Equal(101, ReadPlan.For(Request with { Prefetch = 100 }, 3101).Prefetch);
        Assert.Equal(65_535, ReadPlan.For(Request with { Prefetch = 1 }, 10_000_000).Prefetch);
    }

    [Fact]
    public void Fetching_knows_no_capacity()
    {
        Assert.Equal(10_000_000, ReadPlan.For(Request with { Method = QueueReadMethod.Get }, 10_000_000).Target);
    }
}
