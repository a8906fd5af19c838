using System.Buffers.Binary;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class RecordFilterTests
{
    private static readonly RecordFilter Window = new() { After = 1000, Before = 2000 };

    [Theory]
    [InlineData(0, 999, false)]
    [InlineData(2000, 3000, false)]
    [InlineData(1000, 1999, true)]
    [InlineData(1000, 2000, null)]
    [InlineData(999, 1999, null)]
    [InlineData(0, 5000, null)]
    [InlineData(3000, 500, null)] // a clock that was set back: only the records tell
    public void A_segments_row_tells_what_it_can(long first, long last, bool? expected) => Assert.Equal(expected, Window.Covers(Segment(first, last)));

    [Theory]
    [InlineData(0, 999)]
    [InlineData(2000, 3000)]
    [InlineData(1000, 1999)]
    public void A_segment_whose_times_go_back_is_told_by_its_records_alone(long first, long last) => Assert.Null(Window.Covers(Segment(first, last) with { TimesGoBack = true }));

    [Fact]
    public void For_the_publishers_time_only_the_records_tell() => Assert.Null((Window with { Basis = TimeBasis.MessageTimestamp }).Covers(Segment(0, 10)));

    [Theory]
    [InlineData(0, 9, false)]
    [InlineData(10, 20, true)]
    [InlineData(15, 25, null)]
    [InlineData(21, 30, false)]
    public void Offsets_of_a_stream_tell_as_well(long first, long last, bool? expected) =>
        Assert.Equal(expected, new RecordFilter { FromOffset = 10, ToOffset = 20 }.Covers(Segment(0, 1) with { FirstOffset = first, LastOffset = last }));

    [Fact]
    public void Messages_are_in_from_after_and_out_from_before()
    {
        Assert.False(Window.Matches(999, null, [0, 0]));
        Assert.True(Window.Matches(1000, null, [0, 0]));
        Assert.True(Window.Matches(1999, null, [0, 0]));
        Assert.False(Window.Matches(2000, null, [0, 0]));
    }

    [Fact]
    public void A_message_without_a_timestamp_is_in_no_window_over_timestamps()
    {
        RecordFilter filter = Window with { Basis = TimeBasis.MessageTimestamp };

        Assert.False(filter.Matches(1500, null, [0, 0]));
        Assert.True(filter.Matches(0, null, Timestamp(1)));
        Assert.False(filter.Matches(0, null, Timestamp(2)));
        Assert.False(filter.Matches(0, null, Timestamp(ulong.MaxValue)));
    }

    [Fact]
    public void A_range_of_offsets_leaves_messages_of_queues_out()
    {
        RecordFilter filter = new() { FromOffset = 10 };

        Assert.False(filter.Matches(0, null, [0, 0]));
        Assert.True(filter.Matches(0, 10, [0, 0]));
    }

    private static SegmentEntry Segment(long first, long last) => new()
    {
        Key = "x",
        Sha256 = "",
        FirstTime = DateTimeOffset.FromUnixTimeMilliseconds(first),
        LastTime = DateTimeOffset.FromUnixTimeMilliseconds(last),
    };

    private static byte[] Timestamp(ulong seconds)
    {
        byte[] list = new byte[10];
        BinaryPrimitives.WriteUInt16BigEndian(list, 1 << 6);
        BinaryPrimitives.WriteUInt64BigEndian(list.AsSpan(2), seconds);
        return list;
    }
}
