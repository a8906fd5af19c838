using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd;

/// <summary>The main job on a classic queue.</summary>
public sealed class ClassicRoundTripTests
{
    [Fact]
    public Task Mixed_messages_stay_where_they_are_and_come_back_the_same_in_the_same_order() => RoundTrip.ProveAsync("classic");
}
