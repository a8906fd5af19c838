using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class NodeHealthTests
{
    private static readonly NodeHealth Well = new() { Name = "rabbit@a", Running = true, MemoryUsed = 100 << 20, MemoryLimit = 1000 << 20 };

    [Fact]
    public void A_node_that_is_well_or_down_or_silent_is_no_trouble()
    {
        Assert.Null(Well.Trouble);
        Assert.Null((Well with { Running = false, MemoryAlarm = true }).Trouble);
        Assert.Null((Well with { MemoryLimit = 0 }).Trouble);
        Assert.Null((Well with { MemoryUsed = 899 << 20 }).Trouble);
    }

    [Fact]
    public void Alarms_and_memory_near_the_mark_are()
    {
        Assert.Contains("memory alarm", (Well with { MemoryAlarm = true }).Trouble, StringComparison.Ordinal);
        Assert.Contains("disk alarm", (Well with { DiskAlarm = true }).Trouble, StringComparison.Ordinal);
        Assert.Equal("uses 900 of the 1000 MiB of memory at which its alarm goes on", (Well with { MemoryUsed = 900 << 20 }).Trouble);
    }
}
