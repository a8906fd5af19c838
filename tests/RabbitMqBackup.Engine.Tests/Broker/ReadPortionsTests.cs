using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class ReadPortionsTests
{
    private static readonly QueueReadRequest Request = new() { Queue = new QueueName("/", "q") };

    [Fact]
    public void All_that_is_ready_is_wanted()
    {
        Assert.Equal(new ReadPortions(1000, 65_535, 65_535, ReadStop.DepthReached), ReadPortions.For(Request, 1000));
        Assert.Equal(new ReadPortions(0, 65_535, 65_535, ReadStop.DepthReached), ReadPortions.For(Request, 0));
    }

    [Fact]
    public void A_limit_below_the_depth_is_the_target()
    {
        Assert.Equal(new ReadPortions(10, 65_535, 65_535, ReadStop.LimitReached), ReadPortions.For(Request with { MaxMessages = 10 }, 1000));
        Assert.Equal(ReadStop.DepthReached, ReadPortions.For(Request with { MaxMessages = 1000 }, 1000).Stop);
    }

    [Fact]
    public void Beyond_all_consumers_of_all_channels_the_rest_is_not_reached()
    {
        const long Capacity = 2 * 31 * 65_535;
        QueueReadRequest request = Request with { MaxChannels = 2 };
        Assert.Equal(new ReadPortions(Capacity, 65_535, 65_535, ReadStop.DepthReached), ReadPortions.For(request, Capacity));
        Assert.Equal(new ReadPortions(Capacity, 65_535, 65_535, ReadStop.CapacityReached), ReadPortions.For(request, Capacity + 1));
    }

    [Fact]
    public void A_low_prefetch_is_raised_only_where_the_channels_would_not_reach_the_depth()
    {
        QueueReadRequest request = Request with { Prefetch = 100, MaxChannels = 2 };
        Assert.Equal(100, ReadPortions.For(request, 6200).Prefetch);
        Assert.Equal(101, ReadPortions.For(request, 6201).Prefetch);
        Assert.Equal(65_535, ReadPortions.For(request, 10_000_000).Prefetch);
    }

    [Fact]
    public void Where_delivery_counts_matter_the_first_consumer_takes_one_message()
    {
        Assert.Equal(new ReadPortions(1000, 1, 65_535, ReadStop.DepthReached), ReadPortions.For(Request with { StopAtDeliveryCount = 16 }, 1000));
        Assert.Equal(new ReadPortions(1000, 1, 65_535, ReadStop.DepthReached), ReadPortions.For(Request with { DeliveryLimit = 20 }, 1000));
        Assert.Equal(1 + (30 * 65_535), ReadPortions.For(Request with { DeliveryLimit = 20, MaxChannels = 1 }, 10_000_000).Target);
        Assert.Equal(65_535, ReadPortions.For(Request with { StopAtDeliveryCount = 16, MaxConsumers = 1, MaxChannels = 1 }, 1000).First);
    }

    [Fact]
    public void Of_messages_of_unknown_size_few_are_asked_for_at_first()
    {
        QueueReadRequest request = Request with { SizesUnknown = true };
        Assert.Equal(new ReadPortions(50_000, 8192, 65_535, ReadStop.DepthReached), ReadPortions.For(request, 50_000));
        // Where a single consumer is all there is, it has to take all.
        Assert.Equal(50_000, ReadPortions.For(request with { MaxConsumers = 1, MaxChannels = 1 }, 50_000).First);
        Assert.Equal(1, ReadPortions.For(request with { DeliveryLimit = 20 }, 1000).First);
        ReadPortions portions = ReadPortions.For(request, 1_000_000);
        Assert.Equal(8192, portions.Next(request, 999_999, 31 * 32, held: 1, bytes: 16));
        Assert.Equal(16 * 1024, portions.Next(request, 998_976, 31 * 32, held: 1024, bytes: 1024));
        Assert.Equal(65_535, portions.Next(request, 990_000, 31 * 32, held: 10_000, bytes: 0));
    }

    [Fact]
    public void Sizes_that_came_bound_what_is_asked_for_next_unless_the_depth_needs_more()
    {
        QueueReadRequest request = Request with { PrefetchBytes = 64 << 20 };
        ReadPortions portions = ReadPortions.For(request, 10_000);
        Assert.Equal(65_535, portions.Next(request, 10_000, 30, held: 0, bytes: 0));
        Assert.Equal(64, portions.Next(request, 1900, 30, held: 100, bytes: 100L << 20));
        Assert.Equal(330, portions.Next(request, 9900, 30, held: 100, bytes: 100L << 20));
        Assert.Equal(1, portions.Next(request, 10, 30, held: 1, bytes: 128L << 20));
        Assert.Equal(100, (Request with { Prefetch = 100 }) is { } low ? ReadPortions.For(low, 1000).Next(low, 900, 30, held: 100, bytes: 100) : 0);
    }

    [Fact]
    public void Fetching_knows_no_capacity()
    {
        Assert.Equal(10_000_000, ReadPortions.For(Request with { Method = QueueReadMethod.Get }, 10_000_000).Target);
    }
}
