namespace RabbitMqBackup.Engine.Tests.Architecture;

/// <summary>One type's use of another, as the compiled code has it.</summary>
/// <param name="Namespace">Namespace of the user.</param>
/// <param name="Type">The user; for nested and compiler-made types the outermost one.</param>
/// <param name="Member">The member in which it happens, empty for the type's own declaration.</param>
/// <param name="Public">True when callers outside of the assembly can see it: in the signature of a visible member of a visible type.</param>
/// <param name="UsedAssembly">Assembly of the used type, empty for the user's own.</param>
/// <param name="UsedNamespace">Namespace of the used type.</param>
/// <param name="UsedType">Name of the used type; for nested types the outermost one.</param>
internal readonly record struct TypeUse(string Namespace, string Type, string Member, bool Public, string UsedAssembly, string UsedNamespace, string UsedType)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Namespace}.{Type}{(Member.Length == 0 ? "" : "." + Member)} uses {UsedNamespace}.{UsedType}{(UsedAssembly.Length == 0 ? "" : $" of {UsedAssembly}")}";
}
