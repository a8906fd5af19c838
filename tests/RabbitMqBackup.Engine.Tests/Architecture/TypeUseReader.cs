using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace RabbitMqBackup.Engine.Tests.Architecture;

/// <summary>
/// Reads from an assembly's metadata and IL which types its types use: in base types, interfaces, constraints, attributes, signatures, locals, catch clauses and
/// instructions. What the compiler leaves no trace of (constants, nameof) is not seen.
/// </summary>
internal sealed class TypeUseReader : ISignatureTypeProvider<EntityHandle, object?>
{
    private readonly MetadataReader _metadata;
    private readonly PEReader _file;
    private readonly HashSet<TypeUse> _uses = [];

    private TypeDefinitionHandle _user;
    private string _member = "";
    private bool _public;

    private TypeUseReader(PEReader file)
    {
        _file = file;
        _metadata = file.GetMetadataReader();
    }

    /// <summary>All uses in an assembly file.</summary>
    internal static IReadOnlyCollection<TypeUse> Read(string path)
    {
        using PEReader file = new(File.OpenRead(path));
        TypeUseReader reader = new(file);
        foreach (TypeDefinitionHandle type in reader._metadata.TypeDefinitions)
        {
            reader.ReadType(type);
        }

        return reader._uses;
    }

    private void ReadType(TypeDefinitionHandle handle)
    {
        TypeDefinition type = _metadata.GetTypeDefinition(handle);
        bool visible = IsVisible(type);
        (_user, _member, _public) = (handle, "", visible);
        Use(type.BaseType);
        foreach (InterfaceImplementationHandle implementation in type.GetInterfaceImplementations())
        {
            Use(_metadata.GetInterfaceImplementation(implementation).Interface);
        }

        UseConstraints(type.GetGenericParameters());
        UseAttributes(type.GetCustomAttributes());
        foreach (FieldDefinitionHandle fieldHandle in type.GetFields())
        {
            FieldDefinition field = _metadata.GetFieldDefinition(fieldHandle);
            (_member, _public) = (_metadata.GetString(field.Name), visible && IsVisible(field.Attributes));
            field.DecodeSignature(this, null);
            UseAttributes(field.GetCustomAttributes());
        }

        foreach (MethodDefinitionHandle methodHandle in type.GetMethods())
        {
            ReadMethod(_metadata.GetMethodDefinition(methodHandle), visible);
        }
    }

    private void ReadMethod(MethodDefinition method, bool typeIsVisible)
    {
        (_member, _public) = (_metadata.GetString(method.Name), typeIsVisible && IsVisible(method.Attributes));
        method.DecodeSignature(this, null);
        UseConstraints(method.GetGenericParameters());
        UseAttributes(method.GetCustomAttributes());
        if (method.RelativeVirtualAddress == 0)
        {
            return;
        }

        _public = false;
        MethodBodyBlock body = _file.GetMethodBody(method.RelativeVirtualAddress);
        if (!body.LocalSignature.IsNil)
        {
            _metadata.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(this, null);
        }

        foreach (ExceptionRegion region in body.ExceptionRegions)
        {
            Use(region.CatchType);
        }

        foreach (EntityHandle operand in IlOperands.Read(body.GetILReader()))
        {
            Use(operand);
        }
    }

    private void UseConstraints(GenericParameterHandleCollection parameters)
    {
        foreach (GenericParameterHandle parameter in parameters)
        {
            foreach (GenericParameterConstraintHandle constraint in _metadata.GetGenericParameter(parameter).GetConstraints())
            {
                Use(_metadata.GetGenericParameterConstraint(constraint).Type);
            }
        }
    }

    private void UseAttributes(CustomAttributeHandleCollection attributes)
    {
        bool saved = _public;
        _public = false; // an attribute that can't be loaded is left out by reflection: it does not bind callers
        foreach (CustomAttributeHandle attribute in attributes)
        {
            Use(_metadata.GetCustomAttribute(attribute).Constructor);
        }

        _public = saved;
    }

    private void Use(EntityHandle handle)
    {
        if (handle.IsNil)
        {
            return;
        }

        switch (handle.Kind)
        {
            case HandleKind.TypeDefinition:
                Add((TypeDefinitionHandle)handle);
                break;
            case HandleKind.TypeReference:
                Add((TypeReferenceHandle)handle);
                break;
            case HandleKind.TypeSpecification:
                _metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(this, null);
                break;
            case HandleKind.MethodDefinition:
                MethodDefinition method = _metadata.GetMethodDefinition((MethodDefinitionHandle)handle);
                Add(method.GetDeclaringType());
                method.DecodeSignature(this, null);
                break;
            case HandleKind.FieldDefinition:
                FieldDefinition field = _metadata.GetFieldDefinition((FieldDefinitionHandle)handle);
                Add(field.GetDeclaringType());
                field.DecodeSignature(this, null);
                break;
            case HandleKind.MemberReference:
                UseMember(_metadata.GetMemberReference((MemberReferenceHandle)handle));
                break;
            case HandleKind.MethodSpecification:
                MethodSpecification generic = _metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                Use(generic.Method);
                generic.DecodeSignature(this, null);
                break;
            case HandleKind.StandaloneSignature:
                _metadata.GetStandaloneSignature((StandaloneSignatureHandle)handle).DecodeMethodSignature(this, null);
                break;
        }
    }

    private void UseMember(MemberReference member)
    {
        Use(member.Parent);
        if (member.GetKind() == MemberReferenceKind.Field)
        {
            member.DecodeFieldSignature(this, null);
        }
        else
        {
            member.DecodeMethodSignature(this, null);
        }
    }

    private void Add(TypeDefinitionHandle used)
    {
        TypeDefinition type = Outermost(used);
        Add("", _metadata.GetString(type.Namespace), _metadata.GetString(type.Name));
    }

    private void Add(TypeReferenceHandle used)
    {
        TypeReference type = _metadata.GetTypeReference(used);
        while (type.ResolutionScope.Kind == HandleKind.TypeReference)
        {
            type = _metadata.GetTypeReference((TypeReferenceHandle)type.ResolutionScope);
        }

        string assembly = type.ResolutionScope.Kind == HandleKind.AssemblyReference
            ? _metadata.GetString(_metadata.GetAssemblyReference((AssemblyReferenceHandle)type.ResolutionScope).Name)
            : "";
        Add(assembly, _metadata.GetString(type.Namespace), _metadata.GetString(type.Name));
    }

    private void Add(string assembly, string usedNamespace, string usedType)
    {
        TypeDefinition user = Outermost(_user);
        _uses.Add(new(_metadata.GetString(user.Namespace), _metadata.GetString(user.Name), _member, _public, assembly, usedNamespace, usedType));
    }

    private TypeDefinition Outermost(TypeDefinitionHandle handle)
    {
        TypeDefinition type = _metadata.GetTypeDefinition(handle);
        while (type.IsNested)
        {
            type = _metadata.GetTypeDefinition(type.GetDeclaringType());
        }

        return type;
    }

    private bool IsVisible(TypeDefinition type) => (type.Attributes & TypeAttributes.VisibilityMask) switch
    {
        TypeAttributes.Public => true,
        TypeAttributes.NestedPublic or TypeAttributes.NestedFamily or TypeAttributes.NestedFamORAssem => IsVisible(_metadata.GetTypeDefinition(type.GetDeclaringType())),
        _ => false,
    };

    private static bool IsVisible(FieldAttributes attributes) =>
        (attributes & FieldAttributes.FieldAccessMask) is FieldAttributes.Public or FieldAttributes.Family or FieldAttributes.FamORAssem;

    private static bool IsVisible(MethodAttributes attributes) =>
        (attributes & MethodAttributes.MemberAccessMask) is MethodAttributes.Public or MethodAttributes.Family or MethodAttributes.FamORAssem;

    // The signature decoder calls these; every named type in a signature comes along here.
    EntityHandle ISimpleTypeProvider<EntityHandle>.GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind)
    {
        Add(handle);
        return handle;
    }

    EntityHandle ISimpleTypeProvider<EntityHandle>.GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind)
    {
        Add(handle);
        return handle;
    }

    EntityHandle ISignatureTypeProvider<EntityHandle, object?>.GetTypeFromSpecification(MetadataReader reader, object? context, TypeSpecificationHandle handle, byte rawTypeKind)
    {
        Use(handle);
        return handle;
    }

    EntityHandle ISimpleTypeProvider<EntityHandle>.GetPrimitiveType(PrimitiveTypeCode typeCode) => default;

    EntityHandle IConstructedTypeProvider<EntityHandle>.GetArrayType(EntityHandle elementType, ArrayShape shape) => elementType;

    EntityHandle IConstructedTypeProvider<EntityHandle>.GetByReferenceType(EntityHandle elementType) => elementType;

    EntityHandle IConstructedTypeProvider<EntityHandle>.GetGenericInstantiation(EntityHandle genericType, ImmutableArray<EntityHandle> typeArguments) => genericType;

    EntityHandle IConstructedTypeProvider<EntityHandle>.GetPointerType(EntityHandle elementType) => elementType;

    EntityHandle ISZArrayTypeProvider<EntityHandle>.GetSZArrayType(EntityHandle elementType) => elementType;

    EntityHandle ISignatureTypeProvider<EntityHandle, object?>.GetFunctionPointerType(MethodSignature<EntityHandle> signature) => default;

    EntityHandle ISignatureTypeProvider<EntityHandle, object?>.GetGenericMethodParameter(object? genericContext, int index) => default;

    EntityHandle ISignatureTypeProvider<EntityHandle, object?>.GetGenericTypeParameter(object? genericContext, int index) => default;

    EntityHandle ISignatureTypeProvider<EntityHandle, object?>.GetModifiedType(EntityHandle modifier, EntityHandle unmodifiedType, bool isRequired) => unmodifiedType;

    EntityHandle ISignatureTypeProvider<EntityHandle, object?>.GetPinnedType(EntityHandle elementType) => elementType;
}
