using FsCheck;
using FsCheck.Fluent;
using RabbitMqBackup.Engine.Messages;
using Xunit;
using static RabbitMqBackup.Engine.Tests.Messages.RawProperties;

namespace RabbitMqBackup.Engine.Tests.Messages;

public class PropertyListEditTests
{
    private static readonly byte[] Sample = List(
        1 << 15 | 1 << 13 | 1 << 12 | 1 << 8 | 1 << 7 | 1 << 4 | 1 << 2,
        Short("text/plain"),
        Table(Field("CC", 'A', Long(Element('S', Long("q2")))), Field("k", 'd', U64(0x7FF8_0000_0000_0001)), Field("x-delivery-count", 'l', U64(3)), Field("e", 'F', Table())),
        [2],
        Short("60000"),
        Short([0xFF, 0xFE]),
        Short("guest"),
        Short("c"));

    [Fact]
    public void Without_changes_any_list_is_copied_byte_for_byte() =>
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            byte[] raw = Any(new Random(seed));
            PropertyListEdit untouched = new() { RenameHeaders = new Dictionary<string, string> { ["not there"] = "neither" }, DropHeaders = ["nor this"], DropEmptiedHeaders = true };
            return Apply(untouched, raw).SequenceEqual(raw) && Apply(new PropertyListEdit(), raw).SequenceEqual(raw);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void User_id_is_left_out_and_the_rest_stays()
    {
        byte[] expected = List(
            1 << 15 | 1 << 13 | 1 << 12 | 1 << 8 | 1 << 7 | 1 << 2,
            Sample[2..^(2 + Short("guest").Length)],
            Short("c"));

        Assert.Equal(expected, Apply(new PropertyListEdit { DropUserId = true }, Sample));
    }

    [Fact]
    public void Headers_are_left_out_by_name()
    {
        byte[] edited = Apply(new PropertyListEdit { DropHeaders = ["x-delivery-count", "e"] }, Sample);

        Assert.Equal(["CC", "k"], PropertyList.Parse(edited).Headers.Keys);
        Assert.Equal(Sample.Length - Field("x-delivery-count", 'l', U64(3)).Length - Field("e", 'F', Table()).Length, edited.Length);
    }

    [Fact]
    public void A_header_gets_another_name_and_keeps_value_and_place()
    {
        PropertyListEdit edit = new() { RenameHeaders = new Dictionary<string, string> { ["CC"] = "x-original-cc", ["x-delivery-count"] = "n" } };
        byte[] expected = List(
            1 << 15 | 1 << 13 | 1 << 12 | 1 << 8 | 1 << 7 | 1 << 4 | 1 << 2,
            Short("text/plain"),
            Table(Field("x-original-cc", 'A', Long(Element('S', Long("q2")))), Field("k", 'd', U64(0x7FF8_0000_0000_0001)), Field("n", 'l', U64(3)), Field("e", 'F', Table())),
            [2], Short("60000"), Short([0xFF, 0xFE]), Short("guest"), Short("c"));

        Assert.Equal(expected, Apply(edit, Sample));
    }

    [Fact]
    public void Each_of_several_headers_with_one_name_is_renamed_within_the_room_asked_for()
    {
        byte[] raw = Headers([.. Enumerable.Repeat(Field("", 'V'), 50)]);
        string name = new('n', 255);
        PropertyListEdit edit = new() { RenameHeaders = new Dictionary<string, string> { [""] = name } };

        Assert.Equal(Headers([.. Enumerable.Repeat(Field(name, 'V'), 50)]), Apply(edit, raw));
    }

    [Fact]
    public void Expiration_is_dropped_or_replaced_and_never_added()
    {
        Assert.Null(PropertyList.Parse(Apply(new PropertyListEdit { DropExpiration = true }, Sample)).Expiration);
        Assert.Equal("5", PropertyList.Parse(Apply(new PropertyListEdit { ReplaceExpiration = "5" }, Sample)).Expiration);
        Assert.Equal(new string('9', 200), PropertyList.Parse(Apply(new PropertyListEdit { ReplaceExpiration = new string('9', 200) }, Sample)).Expiration);
        Assert.Equal([0x10, 0, 2], Apply(new PropertyListEdit { ReplaceExpiration = "5" }, [0x10, 0, 2]));
    }

    [Fact]
    public void A_table_that_became_empty_goes_only_if_asked()
    {
        byte[] raw = List(1 << 13 | 1 << 12, Table(Field("CC", 'V')), [1]);

        Assert.Equal(List(1 << 13 | 1 << 12, Table(), [1]), Apply(new PropertyListEdit { DropHeaders = ["CC"] }, raw));
        Assert.Equal(List(1 << 12, [1]), Apply(new PropertyListEdit { DropHeaders = ["CC"], DropEmptiedHeaders = true }, raw));
    }

    [Fact]
    public void A_table_that_came_empty_stays()
    {
        byte[] raw = List(1 << 13, Table());

        Assert.Equal(raw, Apply(new PropertyListEdit { DropHeaders = ["CC"], DropEmptiedHeaders = true }, raw));
    }

    [Fact]
    public void A_malformed_list_is_refused_with_its_position()
    {
        byte[] cut = Sample[..^1];
        byte[] badHeader = Headers(Field("CC", 'U', 0, 0));

        Assert.Contains("at byte", Assert.Throws<RabbitBackupException>(() => Apply(new PropertyListEdit(), cut)).Message);
        Assert.Contains("at byte 6: ", Assert.Throws<RabbitBackupException>(() => Apply(new PropertyListEdit { DropHeaders = ["CC"] }, badHeader)).Message);
        Assert.Throws<RabbitBackupException>(() => Apply(new PropertyListEdit(), []));
    }

    [Fact]
    public void Names_that_are_too_long_are_refused_at_once()
    {
        string tooLong = new('é', 128);

        Assert.Throws<ArgumentException>(() => new PropertyListEdit { DropHeaders = [tooLong] });
        Assert.Throws<ArgumentException>(() => new PropertyListEdit { RenameHeaders = new Dictionary<string, string> { ["a"] = tooLong } });
        Assert.Throws<ArgumentException>(() => new PropertyListEdit { ReplaceExpiration = tooLong });
    }

    [Fact]
    public void An_edit_shows_what_it_was_made_from()
    {
        PropertyListEdit edit = new() { DropHeaders = ["a"], RenameHeaders = new Dictionary<string, string> { ["b"] = "c" }, ReplaceExpiration = "1" };

        Assert.Equal(["a"], edit.DropHeaders);
        Assert.Equal("c", edit.RenameHeaders["b"]);
        Assert.Equal("1", edit.ReplaceExpiration);
    }

    [Fact]
    public void Editing_allocates_nothing()
    {
        PropertyListEdit edit = new() { DropUserId = true, DropHeaders = ["x-delivery-count"], RenameHeaders = new Dictionary<string, string> { ["CC"] = "x-cc" } };
        byte[] room = new byte[edit.MaxLength(Sample.Length)];
        edit.Apply(Sample, room);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            edit.Apply(Sample, room);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static byte[] Apply(PropertyListEdit edit, byte[] raw)
    {
        byte[] room = new byte[edit.MaxLength(raw.Length)];
        return room[..edit.Apply(raw, room)];
    }
}
